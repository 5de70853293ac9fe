DELETE FROM pauses WHERE tenant_id = $1
