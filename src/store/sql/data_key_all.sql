SELECT tenant_id, data_key, sealed, created_us
FROM data_keys
WHERE (tenant_id, data_key) > ($1, $2)
ORDER BY tenant_id, data_key
LIMIT $3
