DELETE FROM events
USING jsonb_array_elements_text($3::jsonb) AS gone (item)
WHERE events.tenant_id = $1 AND events.calendar_id = $2 AND events.item = gone.item
