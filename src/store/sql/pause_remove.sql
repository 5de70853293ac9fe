DELETE FROM pauses WHERE tenant_id = $1 AND target = $2
