DELETE FROM resource_calendars
WHERE tenant_id = $1 AND resource_id = $2
