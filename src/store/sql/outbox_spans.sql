SELECT booking_id, calendar_id, start_us, end_us
FROM outbox
WHERE (tenant_id, calendar_id) > (COALESCE($1, ''), COALESCE($2, ''))
    AND (tenant_id, calendar_id) <= ($3, $4)
    AND present AND end_us > $5
