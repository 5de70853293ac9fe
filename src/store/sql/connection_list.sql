SELECT
    tenant_id, connection_id, provider, identity, account_label, external_id, access, state, login,
    learned, metadata, last_ok_us, last_error, failures, revision, created_us, touched_us
FROM connections
WHERE tenant_id = $1
    AND ($2 IS NULL OR state = $2)
    AND ($3 IS NULL OR provider = $3)
    AND ($4 IS NULL OR external_id = $4)
    AND connection_id > COALESCE($5, '')
ORDER BY connection_id
LIMIT $6
