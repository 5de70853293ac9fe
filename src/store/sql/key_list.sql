SELECT tenant_id, key_id, name, hash, scopes, created_us, expires_us
FROM api_keys
WHERE tenant_id = $1 AND key_id > COALESCE($2, '')
ORDER BY key_id
LIMIT $3
