-- Entries about them, and those of bookings that tell what was found and written there.
UPDATE changes
SET body = '{"erased":true}'
WHERE tenant_id = $1
    AND (
        subject IN (SELECT value FROM json_each($2))
        OR (type LIKE 'booking.%' AND json_extract(body, '$.calendar_id') IN (SELECT value FROM json_each($2)))
    )
