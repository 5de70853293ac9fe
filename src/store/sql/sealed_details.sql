-- Where nothing was said, nothing is sealed.
SELECT booking_id AS part, '' AS rest, details AS sealed
FROM bookings
WHERE tenant_id = $1 AND booking_id > $2 AND length(details) > 0 AND substr(details, 2, 8) <> $3
ORDER BY booking_id
LIMIT $4
