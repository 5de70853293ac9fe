UPDATE bookings
SET external_id = $4, status = $5, resources = $6, start_us = $7, end_us = $8, time_zone = $9,
    metadata = $10, verified = $11, touched_us = $12, revision = revision + 1
WHERE tenant_id = $1 AND booking_id = $2 AND revision = $3
RETURNING revision AS value
