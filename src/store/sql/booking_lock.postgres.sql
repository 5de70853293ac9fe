SELECT booking_id FROM bookings WHERE tenant_id = $1 AND booking_id = $2 FOR NO KEY UPDATE
