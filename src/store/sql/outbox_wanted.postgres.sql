SELECT booking_id, calendar_id, start_us, end_us
FROM outbox
WHERE tenant_id = $1 AND present
    AND calendar_id = ANY (ARRAY(SELECT jsonb_array_elements_text($2::jsonb)))
    AND end_us > $3 AND start_us < $4
ORDER BY calendar_id, start_us
