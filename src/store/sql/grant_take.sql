INSERT INTO grants (tenant_id, connection_id, lease_owner, lease_until_us)
VALUES ($1, $2, $3, $5)
ON CONFLICT (tenant_id, connection_id) DO UPDATE
SET lease_owner = excluded.lease_owner, lease_until_us = excluded.lease_until_us
WHERE grants.lease_until_us IS NULL OR grants.lease_until_us <= $4
RETURNING lease_owner AS value
