UPDATE grants
SET access_token = $4
WHERE tenant_id = $1 AND connection_id = $2 AND access_token = $3
