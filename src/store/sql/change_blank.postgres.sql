-- Entries about them, and those of bookings that tell what was found and written there.
UPDATE changes
SET body = '{"erased":true}'
WHERE tenant_id = $1
    AND (
        subject IN (SELECT json_array_elements_text(CAST($2 AS JSON)))
        OR (
            type LIKE 'booking.%'
            AND CAST(body AS JSON) ->> 'calendar_id' IN (SELECT json_array_elements_text(CAST($2 AS JSON)))
        )
    )
