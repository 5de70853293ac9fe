SELECT tenant_id, provider, client_id, cloud, directory, secret, touched_us
FROM provider_apps
WHERE tenant_id = $1 AND provider = $2
