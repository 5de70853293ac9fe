INSERT INTO holds (
    tenant_id, hold_id, external_id, state, resources, start_us, end_us, expires_us, booking_id,
    metadata, revision, created_us, touched_us
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
