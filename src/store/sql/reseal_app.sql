UPDATE provider_apps
SET secret = $4
WHERE tenant_id = $1 AND provider = $2 AND secret = $3
