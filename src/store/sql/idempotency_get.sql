SELECT body_hash, status, answer
FROM idempotency
WHERE tenant_id = $1 AND route = $2 AND key = $3
