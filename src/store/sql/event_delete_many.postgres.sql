DELETE FROM events
WHERE tenant_id = $1 AND calendar_id = $2
    AND item = ANY (ARRAY(SELECT jsonb_array_elements_text($3::jsonb)))
