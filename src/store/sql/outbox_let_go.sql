UPDATE outbox
SET present = FALSE, state = 'pending', asked_us = $4, touched_us = $4
WHERE tenant_id = $1 AND booking_id = $2 AND calendar_id = $3 AND present
