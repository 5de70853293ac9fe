SELECT
    tenant_id, booking_id, external_id, status, resources, start_us, end_us, time_zone, details,
    metadata, verified, revision, created_us, touched_us
FROM bookings
WHERE tenant_id = $1
    AND (CAST($2 AS TEXT) IS NULL OR status = $2)
    AND (CAST($3 AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM json_each(resources) WHERE value = $3))
    AND end_us > COALESCE($4, -9223372036854775807)
    AND start_us < COALESCE($5, 9223372036854775807)
    AND booking_id > COALESCE($6, '')
ORDER BY booking_id
LIMIT $7
