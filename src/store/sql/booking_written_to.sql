-- Those that begin later and are to stand in a connection's calendars.
SELECT DISTINCT bookings.booking_id AS value
FROM calendars
JOIN outbox
    ON outbox.tenant_id = calendars.tenant_id AND outbox.calendar_id = calendars.calendar_id
JOIN bookings
    ON bookings.tenant_id = outbox.tenant_id AND bookings.booking_id = outbox.booking_id
WHERE calendars.tenant_id = $1 AND calendars.connection_id = $2 AND outbox.present
    AND bookings.status IN ('confirmed', 'pending_payment') AND bookings.start_us > $3
ORDER BY bookings.booking_id
LIMIT $4
