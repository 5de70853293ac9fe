SELECT COUNT(*) AS value FROM claims WHERE tenant_id = $1 AND resource_id = $2 AND end_us > $3
