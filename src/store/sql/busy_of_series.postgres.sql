-- OFFSET 0 makes the planner look each name up in the index. While the tables have no statistics it would rather
-- read the whole calendar for each page of it.
SELECT found.series, found.start_us, found.end_us, CAST(found.class AS BIGINT) AS class
FROM (SELECT DISTINCT jsonb_array_elements_text($3::jsonb) AS series) AS wanted
CROSS JOIN LATERAL (
    SELECT series, start_us, end_us, class
    FROM busy
    WHERE tenant_id = $1 AND calendar_id = $2 AND series = wanted.series
    OFFSET 0
) AS found
ORDER BY found.series, found.start_us, found.end_us, found.class
