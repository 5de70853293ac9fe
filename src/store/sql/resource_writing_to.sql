SELECT resources.resource_id AS value
FROM resources
JOIN calendars
    ON calendars.tenant_id = resources.tenant_id AND calendars.calendar_id = resources.write_to
WHERE resources.tenant_id = $1 AND calendars.connection_id = $2
ORDER BY resources.resource_id
