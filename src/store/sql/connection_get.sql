SELECT
    tenant_id, connection_id, provider, identity, account_label, external_id, access, state, login,
    learned, metadata, last_ok_us, last_error, failures, revision, created_us, touched_us
FROM connections
WHERE tenant_id = $1 AND connection_id = $2
