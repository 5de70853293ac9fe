UPDATE resources
SET write_to = NULL, revision = revision + 1, touched_us = $3
WHERE tenant_id = $1
    AND write_to IN (SELECT calendar_id FROM calendars WHERE tenant_id = $1 AND connection_id = $2)
