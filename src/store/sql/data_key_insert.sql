INSERT INTO data_keys (tenant_id, data_key, sealed, created_us)
VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, data_key) DO NOTHING
