INSERT INTO tenants (tenant_id, name, policy, allow_net, created_us)
VALUES ($1, $2, $3, $4, $5)
