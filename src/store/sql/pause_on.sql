-- What holds a connection back.
SELECT tenant_id, target, reads, writes, actor, since_us
FROM pauses
WHERE (tenant_id = '' AND target = $2) OR (tenant_id = $1 AND target IN ('tenant', $3))
