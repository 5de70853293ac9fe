SELECT calendar_id, series, start_us, end_us, CAST(class AS BIGINT) AS class
FROM busy
WHERE tenant_id = $1
    AND calendar_id IN (SELECT value FROM json_each($2))
    AND start_us < $4 AND end_us > $3
ORDER BY calendar_id, start_us, end_us
