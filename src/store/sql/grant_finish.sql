UPDATE grants
SET access_token = $4, expires_us = $5, renew_us = $6, scope = COALESCE($7, scope), ends_us = COALESCE($8, ends_us),
    ended_us = NULL, lease_owner = NULL, lease_until_us = NULL
WHERE tenant_id = $1 AND connection_id = $2 AND lease_owner = $3
