SELECT
    tenant_id, hold_id, external_id, state, resources, start_us, end_us, expires_us, booking_id,
    metadata, revision, created_us, touched_us
FROM holds
WHERE tenant_id = $1
    AND (CAST($2 AS TEXT) IS NULL OR state = $2)
    AND hold_id > COALESCE($3, '')
ORDER BY hold_id
LIMIT $4
