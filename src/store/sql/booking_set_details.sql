UPDATE bookings
SET details = $3
WHERE tenant_id = $1 AND booking_id = $2
