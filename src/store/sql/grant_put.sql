-- Whoever was just getting another one has been overtaken.
INSERT INTO grants (tenant_id, connection_id, access_token, expires_us, renew_us, scope, given_us, ends_us)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (tenant_id, connection_id) DO UPDATE
SET access_token = excluded.access_token, expires_us = excluded.expires_us, renew_us = excluded.renew_us,
    scope = excluded.scope, given_us = excluded.given_us, ends_us = excluded.ends_us, ended_us = NULL,
    lease_owner = NULL, lease_until_us = NULL
