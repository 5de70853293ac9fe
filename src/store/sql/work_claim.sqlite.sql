UPDATE work
SET lease_owner = $2, lease_until_us = $4 + $3, fence = fence + 1, attempts = attempts + 1
WHERE (tenant_id, lane, subject) IN (
    SELECT value ->> 'tenant_id', value ->> 'lane', value ->> 'subject'
    FROM json_each($1)
)
RETURNING
    tenant_id, lane, subject, due_us, nudges, attempts, demand, lease_owner, lease_until_us, fence,
    last_error, host
