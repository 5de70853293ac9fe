SELECT booking_id, calendar_id, start_us, end_us
FROM outbox
WHERE tenant_id = $1 AND calendar_id = $2 AND present AND end_us > $3
ORDER BY start_us
