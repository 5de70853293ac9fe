SELECT tenant_id, name, policy, allow_net, created_us
FROM tenants
WHERE tenant_id > COALESCE($1, '')
ORDER BY tenant_id
LIMIT $2
