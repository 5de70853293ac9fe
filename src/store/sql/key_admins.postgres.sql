SELECT tenant_id, key_id, name, hash, scopes, created_us, expires_us
FROM api_keys
WHERE tenant_id = $1
  AND (scopes LIKE '%"admin"%' OR scopes LIKE '%"instance"%')
  AND (expires_us IS NULL OR expires_us > $2)
ORDER BY key_id
FOR UPDATE
