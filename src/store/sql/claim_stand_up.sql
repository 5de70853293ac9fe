DELETE FROM claims WHERE tenant_id = $1 AND claim_id = $2 AND resource_id = $3
