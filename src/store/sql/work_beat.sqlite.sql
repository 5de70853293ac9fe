UPDATE work
SET lease_until_us = $3 + $2
WHERE lease_owner IS NOT NULL AND (tenant_id, lane, subject, fence) IN (
    SELECT value ->> 'tenant_id', value ->> 'lane', value ->> 'subject', value ->> 'fence'
    FROM json_each($1)
)
RETURNING
    tenant_id, lane, subject, due_us, nudges, attempts, demand, lease_owner, lease_until_us, fence,
    last_error, host
