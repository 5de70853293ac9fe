SELECT resource_id AS value
FROM resources
WHERE tenant_id = $1 AND write_to = $2
ORDER BY resource_id
LIMIT 2
