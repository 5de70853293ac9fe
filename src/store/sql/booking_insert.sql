INSERT INTO bookings (
    tenant_id, booking_id, external_id, status, resources, start_us, end_us, time_zone, details,
    metadata, verified, revision, created_us, touched_us
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
