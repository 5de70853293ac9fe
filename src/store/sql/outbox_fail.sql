UPDATE outbox
SET state = $4, last_error = $5, touched_us = $6
WHERE tenant_id = $1 AND booking_id = $2 AND calendar_id = $3 AND wanted = $7
