DELETE FROM provider_apps
WHERE tenant_id = $1 AND provider = $2
