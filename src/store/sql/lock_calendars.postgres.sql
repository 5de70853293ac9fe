-- Of a tenant, or only those of a connection ($2). For their end.
SELECT calendar_id
FROM calendars
WHERE tenant_id = $1 AND (CAST($2 AS TEXT) IS NULL OR connection_id = $2)
ORDER BY calendar_id
FOR UPDATE
