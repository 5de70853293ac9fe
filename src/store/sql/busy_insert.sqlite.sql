INSERT INTO busy (tenant_id, calendar_id, series, start_us, end_us, class)
SELECT $1, $2, value ->> 'series', value ->> 'start_us', value ->> 'end_us', value ->> 'class'
FROM json_each($3)
WHERE TRUE
ON CONFLICT (tenant_id, calendar_id, series, start_us, end_us, class) DO NOTHING
