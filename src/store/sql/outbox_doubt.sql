-- About to be sent: whoever comes after looks before repeating it.
UPDATE outbox
SET in_doubt = TRUE, generation = $4, written = $5, written_start_us = $6, written_end_us = $7, touched_us = $8
WHERE tenant_id = $1 AND booking_id = $2 AND calendar_id = $3
