SELECT resource_id AS value
FROM resource_calendars
WHERE tenant_id = $1 AND calendar_id = $2
ORDER BY resource_id
