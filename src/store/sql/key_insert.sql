INSERT INTO api_keys (tenant_id, key_id, name, hash, scopes, created_us, expires_us)
VALUES ($1, $2, $3, $4, $5, $6, $7)
