SELECT
    tenant_id, connection_id, provider, identity, account_label, external_id, access, state, login,
    learned, metadata, last_ok_us, last_error, failures, revision, created_us, touched_us
FROM connections
WHERE tenant_id = $1
    AND (CAST($2 AS TEXT) IS NULL OR state = $2)
    AND (CAST($3 AS TEXT) IS NULL OR provider = $3)
    AND (CAST($4 AS TEXT) IS NULL OR external_id = $4)
    AND connection_id > COALESCE($5, '')
ORDER BY connection_id
LIMIT $6
