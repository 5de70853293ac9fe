-- Who takes a key over goes on with the first one's begin.
INSERT INTO idempotency (tenant_id, route, key, body_hash, lease_until_us, created_us, owner)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (tenant_id, route, key) DO UPDATE
SET lease_until_us = excluded.lease_until_us, owner = excluded.owner
WHERE idempotency.status IS NULL
    AND idempotency.body_hash = excluded.body_hash
    AND idempotency.lease_until_us <= excluded.created_us
RETURNING created_us AS value
