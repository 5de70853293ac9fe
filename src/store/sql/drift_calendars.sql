SELECT calendar_id
FROM calendars
WHERE tenant_id = $1 AND writable
    AND (
        EXISTS (
            SELECT 1 FROM outbox
            WHERE outbox.tenant_id = $1 AND outbox.calendar_id = calendars.calendar_id
        )
        OR EXISTS (
            SELECT 1 FROM events
            WHERE events.tenant_id = $1 AND events.calendar_id = calendars.calendar_id
                AND events.origin IS NOT NULL
        )
    )
ORDER BY calendar_id
