SELECT series, start_us, end_us, CAST(class AS BIGINT) AS class
FROM busy
WHERE tenant_id = $1 AND calendar_id = $2
ORDER BY series, start_us, end_us, class
