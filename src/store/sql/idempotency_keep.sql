-- Whoever died with the key, and was asked the same, leaves it to the next.
INSERT INTO idempotency (tenant_id, route, key, body_hash, status, answer, created_us)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (tenant_id, route, key) DO UPDATE
SET status = excluded.status, answer = excluded.answer, lease_until_us = NULL
WHERE idempotency.status IS NULL
    AND idempotency.body_hash = excluded.body_hash
    AND idempotency.lease_until_us <= excluded.created_us
