SELECT item, series, version, body, faults, origin
FROM events
WHERE tenant_id = $1 AND calendar_id = $2 AND series IN (SELECT value FROM json_each($3))
ORDER BY series, item
