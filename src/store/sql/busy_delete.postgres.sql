DELETE FROM busy
USING jsonb_to_recordset($3::jsonb)
    AS gone (series TEXT, start_us BIGINT, end_us BIGINT, class SMALLINT)
WHERE busy.tenant_id = $1 AND busy.calendar_id = $2 AND busy.series = gone.series
    -- As in busy_of_series: to be looked up in the index, whatever the planner knows.
    AND busy.series = ANY (ARRAY(SELECT value ->> 'series' FROM jsonb_array_elements($3::jsonb)))
    AND busy.start_us = gone.start_us AND busy.end_us = gone.end_us AND busy.class = gone.class
