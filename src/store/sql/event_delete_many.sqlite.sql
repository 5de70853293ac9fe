DELETE FROM events
WHERE tenant_id = $1 AND calendar_id = $2 AND item IN (SELECT value FROM json_each($3))
