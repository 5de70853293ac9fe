SELECT booking_id FROM bookings WHERE tenant_id = $1 ORDER BY booking_id FOR UPDATE
