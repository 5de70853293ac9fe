DELETE FROM data_keys
WHERE tenant_id = $1 AND data_key = $2
