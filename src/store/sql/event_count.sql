SELECT COUNT(*) AS value
FROM events
WHERE tenant_id = $1 AND calendar_id = $2
