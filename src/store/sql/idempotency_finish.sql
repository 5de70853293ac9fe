UPDATE idempotency
SET status = $4, answer = $5, lease_until_us = NULL
WHERE tenant_id = $1 AND route = $2 AND key = $3
