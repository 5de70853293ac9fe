UPDATE bookings
SET details = $4
WHERE tenant_id = $1 AND booking_id = $2 AND details = $3
