SELECT
    booking_id, calendar_id, present, wanted, start_us, end_us, state, generation, written,
    written_start_us, written_end_us, sent, sent_start_us, sent_end_us, words, sent_words, item, version, last_error, touched_us
FROM outbox
WHERE tenant_id = $1
    AND (CAST($2 AS TEXT) IS NULL OR state = $2)
    AND (CAST($3 AS TEXT) IS NULL OR calendar_id = $3)
    AND (booking_id, calendar_id) > (COALESCE($4, ''), COALESCE($5, ''))
ORDER BY booking_id, calendar_id
LIMIT $6
