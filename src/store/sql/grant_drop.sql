UPDATE grants
SET access_token = NULL, expires_us = NULL, renew_us = NULL
WHERE tenant_id = $1 AND connection_id = $2
