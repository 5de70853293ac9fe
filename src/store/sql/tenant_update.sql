UPDATE tenants
SET name = $2, policy = $3, allow_net = $4
WHERE tenant_id = $1
