SELECT calendar_id, series
FROM events
WHERE tenant_id = $1
    AND calendar_id IN (SELECT value FROM json_each($2))
    AND origin IN (SELECT value FROM json_each($3))
