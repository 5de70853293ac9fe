-- What stands at the provider now. Settled only if nothing else has been wanted meanwhile.
UPDATE outbox
SET sent = NULL, sent_start_us = NULL, sent_end_us = NULL, sent_words = NULL, written = $4, written_start_us = $5, written_end_us = $6, item = $7, version = $8,
    last_error = $9, generation = $10, words = $14,
    state = CASE WHEN wanted = $11 THEN $12 ELSE 'pending' END,
    touched_us = $13
WHERE tenant_id = $1 AND booking_id = $2 AND calendar_id = $3
