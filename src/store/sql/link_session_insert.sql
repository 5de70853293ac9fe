INSERT INTO link_sessions (
    tenant_id, session_id, hash, browser, mode, connection_id, resource_id, asked, actor, status, reason, linked,
    created_us, expires_us
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
