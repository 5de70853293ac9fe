SELECT connection_id
FROM connections
WHERE tenant_id = $1
ORDER BY connection_id
FOR UPDATE
