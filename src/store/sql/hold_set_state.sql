UPDATE holds
SET state = $4, booking_id = COALESCE($5, booking_id), revision = revision + 1, touched_us = $6
WHERE tenant_id = $1 AND hold_id = $2 AND state = $3
