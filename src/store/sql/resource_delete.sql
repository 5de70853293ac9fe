DELETE FROM resources
WHERE tenant_id = $1 AND resource_id = $2
