INSERT INTO oauth_trips (
    tenant_id, session_id, hash, provider, client_id, redirect, access, connection_id, expires_us
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
