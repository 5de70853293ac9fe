UPDATE calendars
SET time_zone_set = $4, touched_us = $5, revision = revision + 1
WHERE tenant_id = $1 AND calendar_id = $2 AND revision = COALESCE($3, revision)
RETURNING revision AS value
