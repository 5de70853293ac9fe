SELECT
    tenant_id, lane, subject, due_us, nudges, attempts, demand, lease_owner, lease_until_us, fence,
    last_error, host
FROM work
WHERE lane = $1 AND demand IS NOT NULL
ORDER BY due_us
LIMIT $2
