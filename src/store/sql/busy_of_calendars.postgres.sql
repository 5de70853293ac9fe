-- OFFSET 0: see busy_of_series.
SELECT calendar_id, series, start_us, end_us, CAST(class AS BIGINT) AS class
FROM (SELECT DISTINCT jsonb_array_elements_text($2::jsonb) AS id) AS wanted
CROSS JOIN LATERAL (
    SELECT calendar_id, series, start_us, end_us, class
    FROM busy
    WHERE tenant_id = $1 AND calendar_id = wanted.id AND start_us < $4 AND end_us > $3
    OFFSET 0
) AS found
ORDER BY calendar_id, start_us, end_us
