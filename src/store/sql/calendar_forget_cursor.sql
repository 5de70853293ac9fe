UPDATE calendars
SET read_cursor = NULL, touched_us = $3
WHERE tenant_id = $1 AND calendar_id = $2
