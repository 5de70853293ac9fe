DELETE FROM claims WHERE tenant_id = $1 AND resource_id = $2
