-- What was done by a clock that is ahead of ours was also planned by it.
UPDATE work
SET due_us = $1
WHERE due_us > $1
    AND (tenant_id, subject) IN (
        SELECT tenant_id, calendar_id FROM calendars WHERE touched_us > $2
        UNION ALL
        SELECT tenant_id, connection_id FROM calendars WHERE touched_us > $2
    )
