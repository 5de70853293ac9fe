-- Of a tenant, or only those that a connection ($2) feeds or that write into it.
SELECT resource_id
FROM resources
WHERE tenant_id = $1
    AND (
        CAST($2 AS TEXT) IS NULL
        OR write_to IN (
            SELECT calendar_id FROM calendars WHERE tenant_id = $1 AND connection_id = $2
        )
        OR resource_id IN (
            SELECT resource_calendars.resource_id
            FROM resource_calendars
            JOIN calendars
                ON calendars.tenant_id = resource_calendars.tenant_id
                AND calendars.calendar_id = resource_calendars.calendar_id
            WHERE resource_calendars.tenant_id = $1 AND calendars.connection_id = $2
        )
    )
ORDER BY resource_id
FOR UPDATE
