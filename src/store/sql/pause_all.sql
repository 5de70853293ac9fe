SELECT tenant_id, target, reads, writes, actor, since_us
FROM pauses
ORDER BY tenant_id, target
