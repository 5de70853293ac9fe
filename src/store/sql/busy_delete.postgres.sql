DELETE FROM busy
USING jsonb_to_recordset($3::jsonb)
    AS gone (series TEXT, start_us BIGINT, end_us BIGINT, class SMALLINT)
WHERE busy.tenant_id = $1 AND busy.calendar_id = $2 AND busy.series = gone.series
    AND busy.start_us = gone.start_us AND busy.end_us = gone.end_us AND busy.class = gone.class
