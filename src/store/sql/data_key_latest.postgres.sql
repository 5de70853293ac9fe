SELECT tenant_id, data_key, sealed, created_us
FROM data_keys
WHERE tenant_id = $1
ORDER BY data_key DESC
LIMIT 1
FOR KEY SHARE
