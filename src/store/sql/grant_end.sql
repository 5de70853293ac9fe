UPDATE grants
SET access_token = NULL, expires_us = NULL, renew_us = NULL, ended_us = COALESCE(ended_us, $4), lease_owner = NULL,
    lease_until_us = NULL
WHERE tenant_id = $1 AND connection_id = $2 AND lease_owner = $3
