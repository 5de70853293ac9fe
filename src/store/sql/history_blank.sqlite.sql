-- What was found and written in these calendars.
UPDATE booking_history
SET body = '{"erased":true}'
WHERE tenant_id = $1
    AND booking_id IN (
        SELECT booking_id FROM outbox WHERE tenant_id = $1 AND calendar_id IN (SELECT value FROM json_each($2))
        UNION ALL
        SELECT booking_id FROM conflicts WHERE tenant_id = $1 AND calendar_id IN (SELECT value FROM json_each($2))
    )
    AND json_extract(body, '$.calendar_id') IN (SELECT value FROM json_each($2))
