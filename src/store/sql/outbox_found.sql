-- What stands at the provider now. Settled only if nothing else has been wanted meanwhile.
UPDATE outbox
SET in_doubt = FALSE, written = $4, written_start_us = $5, written_end_us = $6, item = $7, version = $8,
    last_error = $9, generation = $10,
    state = CASE WHEN wanted = $11 THEN $12 ELSE 'pending' END,
    touched_us = $13
WHERE tenant_id = $1 AND booking_id = $2 AND calendar_id = $3
