DELETE FROM connections
WHERE tenant_id = $1 AND connection_id = $2
