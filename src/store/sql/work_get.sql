SELECT
    tenant_id, lane, subject, due_us, nudges, attempts, demand, lease_owner, lease_until_us, fence,
    last_error, host
FROM work
WHERE tenant_id = $1 AND lane = $2 AND subject = $3
