-- OFFSET 0: see busy_of_series.
SELECT found.item, found.series, found.version, found.body, found.faults, found.origin
FROM (SELECT DISTINCT jsonb_array_elements_text($3::jsonb) AS series) AS wanted
CROSS JOIN LATERAL (
    SELECT item, series, version, body, faults, origin
    FROM events
    WHERE tenant_id = $1 AND calendar_id = $2 AND series = wanted.series
    OFFSET 0
) AS found
ORDER BY found.series, found.item
