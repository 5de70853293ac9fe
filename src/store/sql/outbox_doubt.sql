-- About to be sent: whoever comes after looks before repeating it.
UPDATE outbox
SET sent = $5, sent_start_us = $6, sent_end_us = $7, sent_words = $9, generation = $4, touched_us = $8
WHERE tenant_id = $1 AND booking_id = $2 AND calendar_id = $3
