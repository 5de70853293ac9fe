SELECT item, series, version, body, faults
FROM events
WHERE tenant_id = $1 AND calendar_id = $2
    AND series = ANY (ARRAY(SELECT jsonb_array_elements_text($3::jsonb)))
ORDER BY series, item
