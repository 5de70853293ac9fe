-- Whether anything of ours stands, or is to stand, in a calendar, or a resource that it blocks is held or booked.
SELECT
    CAST(CASE
        WHEN EXISTS (SELECT 1 FROM outbox WHERE tenant_id = $1 AND calendar_id = $2) THEN 1
        WHEN EXISTS (
            SELECT 1
            FROM resource_calendars
            JOIN claims
                ON claims.tenant_id = resource_calendars.tenant_id
                AND claims.resource_id = resource_calendars.resource_id
            WHERE resource_calendars.tenant_id = $1 AND resource_calendars.calendar_id = $2
        ) THEN 1
        ELSE 0
    END AS BIGINT) AS value
