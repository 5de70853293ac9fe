DELETE FROM calendars
WHERE tenant_id = $1 AND calendar_id = $2
