-- 8 is BusyClass::Unexpandable.
SELECT tenant_id, calendar_id, series, start_us, end_us, CAST(class AS BIGINT) AS class
FROM busy
WHERE tenant_id = $1 AND class = 8
ORDER BY calendar_id, series, start_us
LIMIT $2
