-- An array is looked up in the index. While the tables have no statistics, IN (SELECT ...) becomes a loop over
-- the whole calendar for each page of it.
SELECT series, start_us, end_us, CAST(class AS BIGINT) AS class
FROM busy
WHERE tenant_id = $1 AND calendar_id = $2
    AND series = ANY (ARRAY(SELECT jsonb_array_elements_text($3::jsonb)))
ORDER BY series, start_us, end_us, class
