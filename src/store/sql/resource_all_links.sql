SELECT resource_id, calendar_id, blocks, policy
FROM resource_calendars
WHERE (tenant_id, resource_id) > (COALESCE($1, ''), COALESCE($2, ''))
    AND (tenant_id, resource_id) <= ($3, $4)
ORDER BY tenant_id, resource_id, place
