SELECT item AS value
FROM events
WHERE tenant_id = $1 AND calendar_id = $2 AND touched_us >= $3 AND touched_us <= $4
