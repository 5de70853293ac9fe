-- The one look-up without a tenant: a key tells whose it is.
SELECT tenant_id, key_id, name, hash, scopes, created_us, expires_us
FROM api_keys
WHERE key_id = $1
ORDER BY tenant_id
