SELECT tenant_id, calendar_id, series, start_us, end_us, CAST(class AS BIGINT) AS class
FROM busy
WHERE (tenant_id, calendar_id) > (COALESCE($1, ''), COALESCE($2, ''))
    AND (tenant_id, calendar_id) <= ($3, $4)
ORDER BY tenant_id, calendar_id
