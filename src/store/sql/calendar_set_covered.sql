UPDATE calendars
SET covered_from_us = $3, covered_until_us = $4, touched_us = $5
WHERE tenant_id = $1 AND calendar_id = $2
