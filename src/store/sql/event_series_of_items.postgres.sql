-- OFFSET 0: see busy_of_series.
SELECT found.item, found.series AS value
FROM (SELECT DISTINCT jsonb_array_elements_text($3::jsonb) AS item) AS wanted
CROSS JOIN LATERAL (
    SELECT item, series
    FROM events
    WHERE tenant_id = $1 AND calendar_id = $2 AND item = wanted.item
    OFFSET 0
) AS found
