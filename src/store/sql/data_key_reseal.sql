UPDATE data_keys
SET sealed = $3
WHERE tenant_id = $1 AND data_key = $2
