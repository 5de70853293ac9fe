SELECT booking_id, calendar_id, start_us, end_us
FROM outbox
WHERE tenant_id = $1 AND present
    AND calendar_id IN (SELECT value FROM json_each($2))
    AND end_us > $3 AND start_us < $4
ORDER BY calendar_id, start_us
