SELECT
    tenant_id, booking_id, external_id, status, resources, start_us, end_us, time_zone, details,
    metadata, verified, revision, created_us, touched_us
FROM bookings
WHERE tenant_id = $1 AND booking_id = $2
