SELECT tenant_id, target, reads, writes, actor, since_us
FROM pauses
WHERE tenant_id = $1 AND target = $2
