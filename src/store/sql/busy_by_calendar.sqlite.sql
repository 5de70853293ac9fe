SELECT
    tenant_id, calendar_id,
    group_concat(start_us || ' ' || ((end_us - start_us) * 16 + class), ' ') AS spans
FROM busy
WHERE (tenant_id, calendar_id) > (COALESCE($1, ''), COALESCE($2, ''))
    AND (tenant_id, calendar_id) <= ($3, $4)
GROUP BY tenant_id, calendar_id
