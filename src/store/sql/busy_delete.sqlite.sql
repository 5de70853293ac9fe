DELETE FROM busy
WHERE tenant_id = $1 AND calendar_id = $2
    AND (series, start_us, end_us, class) IN (
        SELECT value ->> 'series', value ->> 'start_us', value ->> 'end_us', value ->> 'class'
        FROM json_each($3)
    )
