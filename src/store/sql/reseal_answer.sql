UPDATE idempotency
SET answer = $5
WHERE tenant_id = $1 AND route = $2 AND key = $3 AND answer = $4
