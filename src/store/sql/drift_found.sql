SELECT item, version, origin
FROM events
WHERE tenant_id = $1 AND calendar_id = $2 AND origin IS NOT NULL
UNION
SELECT events.item, events.version, events.origin
FROM outbox
JOIN events
    ON events.tenant_id = outbox.tenant_id
    AND events.calendar_id = outbox.calendar_id
    AND events.item = outbox.item
WHERE outbox.tenant_id = $1 AND outbox.calendar_id = $2
ORDER BY item
