SELECT body_hash, status, answer, lease_until_us
FROM idempotency
WHERE tenant_id = $1 AND route = $2 AND key = $3
