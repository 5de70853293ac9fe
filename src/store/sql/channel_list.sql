SELECT
    tenant_id, channel_id, calendar_id, state, resource, created_us, expires_us, renew_us, proven_us,
    heard_us, number
FROM channels
WHERE tenant_id = $1 AND (CAST($2 AS TEXT) IS NULL OR channel_id > $2)
ORDER BY channel_id
LIMIT $3
