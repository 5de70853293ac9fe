SELECT
    tenant_id, hold_id, external_id, state, resources, start_us, end_us, expires_us, booking_id,
    metadata, revision, created_us, touched_us
FROM holds
WHERE state = 'held' AND expires_us <= $1
ORDER BY expires_us
LIMIT $2
