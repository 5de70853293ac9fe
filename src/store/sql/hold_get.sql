SELECT
    tenant_id, hold_id, external_id, state, resources, start_us, end_us, expires_us, booking_id,
    metadata, revision, created_us, touched_us
FROM holds
WHERE tenant_id = $1 AND hold_id = $2
