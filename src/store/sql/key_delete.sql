DELETE FROM api_keys
WHERE tenant_id = $1 AND key_id = $2
