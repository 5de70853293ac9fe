SELECT series, start_us, end_us, CAST(class AS BIGINT) AS class
FROM busy
WHERE tenant_id = $1 AND calendar_id = $2 AND start_us < $4 AND end_us > $3
ORDER BY start_us, end_us, series, class
