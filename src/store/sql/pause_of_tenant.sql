-- What holds a tenant back: its own, and those of providers, which have no tenant.
SELECT tenant_id, target, reads, writes, actor, since_us
FROM pauses
WHERE tenant_id = $1 OR tenant_id = ''
ORDER BY tenant_id, target
