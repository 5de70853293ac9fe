SELECT resource_id, calendar_id, blocks, policy
FROM resource_calendars
WHERE tenant_id = $1 AND resource_id = $2
ORDER BY place
