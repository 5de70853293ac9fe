-- The row is locked already. Leases are judged by the database's clock: hubs may disagree about the time.
UPDATE work
SET lease_owner = $4, lease_until_us = CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000000 AS BIGINT) + $5,
    fence = fence + 1, attempts = attempts + 1
WHERE tenant_id = $1 AND lane = $2 AND subject = $3
RETURNING
    tenant_id, lane, subject, due_us, nudges, attempts, demand, lease_owner, lease_until_us, fence,
    last_error, host
