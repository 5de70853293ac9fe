UPDATE calendars
SET push = $3, expected_max_age_s = $4, touched_us = $5
WHERE tenant_id = $1 AND calendar_id = $2 AND push <> $3
