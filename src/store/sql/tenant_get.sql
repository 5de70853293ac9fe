SELECT tenant_id, name, policy, allow_net, created_us
FROM tenants
WHERE tenant_id = $1
