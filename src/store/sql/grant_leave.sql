UPDATE grants
SET lease_owner = NULL, lease_until_us = NULL
WHERE tenant_id = $1 AND connection_id = $2 AND lease_owner = $3
