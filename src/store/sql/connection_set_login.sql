UPDATE connections
SET login = $3
WHERE tenant_id = $1 AND connection_id = $2
