-- What stands in a connection's calendars, may stand there, or is about to.
SELECT
    booking_id, calendar_id, present, wanted, start_us, end_us, state, generation, written,
    written_start_us, written_end_us, sent, sent_start_us, sent_end_us, words, sent_words, item, version, last_error, touched_us
FROM outbox
WHERE tenant_id = $1
    AND calendar_id IN (SELECT calendar_id FROM calendars WHERE tenant_id = $1 AND connection_id = $2)
    AND (item IS NOT NULL OR sent IS NOT NULL OR present AND state = 'pending')
    AND (booking_id, calendar_id) > (COALESCE($3, ''), COALESCE($4, ''))
ORDER BY booking_id, calendar_id
LIMIT $5
