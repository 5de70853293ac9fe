SELECT
    booking_id, calendar_id, present, wanted, start_us, end_us, state, generation, written,
    written_start_us, written_end_us, sent, sent_start_us, sent_end_us, words, sent_words, item, version, last_error, touched_us
FROM outbox
WHERE tenant_id = $1 AND calendar_id = $2 AND end_us > $3 AND start_us < $4
ORDER BY booking_id
