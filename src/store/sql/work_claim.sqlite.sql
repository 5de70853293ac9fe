UPDATE work
SET lease_owner = $2, lease_until_us = $3 + $4, fence = fence + 1, attempts = attempts + 1
WHERE (tenant_id, lane, subject) IN (
    SELECT tenant_id, lane, subject
    FROM work
    WHERE lane = $1 AND due_us <= $3 AND (lease_until_us IS NULL OR lease_until_us <= $3)
    ORDER BY due_us
    LIMIT $5
)
RETURNING
    tenant_id, lane, subject, due_us, nudges, attempts, demand, lease_owner, lease_until_us, fence,
    last_error
