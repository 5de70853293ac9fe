UPDATE data_keys
SET sealed = $4
WHERE tenant_id = $1 AND data_key = $2 AND sealed = $3
