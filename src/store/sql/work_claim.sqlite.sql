UPDATE work
SET lease_owner = $4, lease_until_us = $6 + $5, fence = fence + 1, attempts = attempts + 1
WHERE tenant_id = $1 AND lane = $2 AND subject = $3
RETURNING
    tenant_id, lane, subject, due_us, nudges, attempts, demand, lease_owner, lease_until_us, fence,
    last_error, host
