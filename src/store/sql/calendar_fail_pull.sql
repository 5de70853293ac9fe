UPDATE calendars
SET failures = failures + 1, last_error = $3, touched_us = $4
WHERE tenant_id = $1 AND calendar_id = $2
