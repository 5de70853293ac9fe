INSERT INTO connections (
    tenant_id, connection_id, provider, identity, account_label, external_id, access, state, login,
    learned, metadata, last_ok_us, last_error, failures, revision, created_us, touched_us
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
