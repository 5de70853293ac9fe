INSERT INTO busy (tenant_id, calendar_id, series, start_us, end_us, class)
SELECT $1, $2, series, start_us, end_us, class
FROM jsonb_to_recordset($3::jsonb)
    AS fresh (series TEXT, start_us BIGINT, end_us BIGINT, class SMALLINT)
ON CONFLICT (tenant_id, calendar_id, series, start_us, end_us, class) DO NOTHING
