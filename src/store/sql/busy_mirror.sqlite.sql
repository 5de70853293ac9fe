-- Of the given series, the time that stands as the hub has written it: 9 is BusyClass::Mirror.
UPDATE busy
SET class = 9
WHERE tenant_id = $1 AND calendar_id = $2 AND class = 0
    AND series IN (SELECT value FROM json_each($3))
    AND EXISTS (
        SELECT 1 FROM outbox
        WHERE outbox.tenant_id = busy.tenant_id AND outbox.calendar_id = busy.calendar_id
            AND outbox.item = busy.series
            AND outbox.written_start_us = busy.start_us AND outbox.written_end_us = busy.end_us
    )
    AND NOT EXISTS (
        SELECT 1 FROM busy AS marked
        WHERE marked.tenant_id = busy.tenant_id AND marked.calendar_id = busy.calendar_id
            AND marked.series = busy.series AND marked.start_us = busy.start_us
            AND marked.end_us = busy.end_us AND marked.class = 9
    )
