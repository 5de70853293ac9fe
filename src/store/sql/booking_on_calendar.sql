-- The bookings of resources that a calendar blocks, within a span.
SELECT DISTINCT claims.claim_id AS value
FROM resource_calendars
JOIN claims
    ON claims.tenant_id = resource_calendars.tenant_id
    AND claims.resource_id = resource_calendars.resource_id
WHERE resource_calendars.tenant_id = $1
    AND resource_calendars.calendar_id = $2
    AND resource_calendars.blocks
    AND claims.start_us < $4 AND claims.end_us > $3
    AND claims.expires_us IS NULL
ORDER BY value
