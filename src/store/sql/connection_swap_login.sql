UPDATE connections
SET login = $4
WHERE tenant_id = $1 AND connection_id = $2 AND login = $3
