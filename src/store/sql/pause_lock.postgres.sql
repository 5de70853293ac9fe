SELECT connection_id AS value
FROM connections
WHERE tenant_id = $1 AND connection_id = $2
FOR UPDATE
