SELECT
    tenant_id, channel_id, calendar_id, state, resource, created_us, expires_us, renew_us, proven_us,
    heard_us, number
FROM channels
WHERE tenant_id = $1
    AND calendar_id IN (
        SELECT calendar_id FROM calendars WHERE tenant_id = $1 AND connection_id = $2
    )
ORDER BY channel_id
