-- Somebody else has changed the event: it is looked at before anything else is done.
UPDATE outbox
SET version = NULL, state = 'pending', asked_us = $4, touched_us = $4
WHERE tenant_id = $1 AND booking_id = $2 AND calendar_id = $3
