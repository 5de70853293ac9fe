SELECT data_key AS value
FROM data_keys
WHERE tenant_id = $1 AND data_key = $2
FOR UPDATE
