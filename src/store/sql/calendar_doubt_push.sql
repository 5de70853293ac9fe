UPDATE calendars
SET push = 'stale'
WHERE tenant_id = $1 AND calendar_id = $2 AND push = 'healthy' AND COALESCE(heard_us, 0) <= $3
