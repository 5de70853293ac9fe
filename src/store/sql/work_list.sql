SELECT
    tenant_id, lane, subject, due_us, nudges, attempts, demand, lease_owner, lease_until_us, fence,
    last_error, host
FROM work
WHERE tenant_id = $1
    AND (CAST($2 AS TEXT) IS NULL OR lane = $2)
    AND (lane, subject) > (COALESCE($3, ''), COALESCE($4, ''))
ORDER BY lane, subject
LIMIT $5
