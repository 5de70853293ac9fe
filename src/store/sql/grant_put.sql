-- Whoever was just getting another one has been overtaken.
INSERT INTO grants (tenant_id, connection_id, access_token, expires_us, renew_us, scope)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (tenant_id, connection_id) DO UPDATE
SET access_token = excluded.access_token, expires_us = excluded.expires_us, renew_us = excluded.renew_us,
    scope = excluded.scope, lease_owner = NULL, lease_until_us = NULL
