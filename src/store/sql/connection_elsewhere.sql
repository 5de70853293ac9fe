SELECT COUNT(*) AS value
FROM connections
WHERE provider = $2 AND identity = $3 AND tenant_id <> $1
