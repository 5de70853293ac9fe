SELECT calendar_id, series
FROM events
WHERE tenant_id = $1
    AND calendar_id = ANY (ARRAY(SELECT jsonb_array_elements_text($2::jsonb)))
    AND origin = ANY (ARRAY(SELECT jsonb_array_elements_text($3::jsonb)))
