INSERT INTO resource_calendars (tenant_id, resource_id, calendar_id, place, blocks, policy)
SELECT $1, $2, value ->> 'calendar_id', value ->> 'place', value ->> 'blocks', value ->> 'policy'
FROM json_each($3)
