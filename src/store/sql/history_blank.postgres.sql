-- What was found and written in these calendars.
UPDATE booking_history
SET body = '{"erased":true}'
WHERE tenant_id = $1
    AND booking_id IN (
        SELECT booking_id
        FROM outbox
        WHERE tenant_id = $1 AND calendar_id IN (SELECT json_array_elements_text(CAST($2 AS JSON)))
        UNION ALL
        SELECT booking_id
        FROM conflicts
        WHERE tenant_id = $1 AND calendar_id IN (SELECT json_array_elements_text(CAST($2 AS JSON)))
    )
    AND CAST(body AS JSON) ->> 'calendar_id' IN (SELECT json_array_elements_text(CAST($2 AS JSON)))
