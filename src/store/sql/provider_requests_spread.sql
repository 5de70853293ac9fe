-- $1 is today, $2 the thousandths of yesterday that still lie within the last 24 hours.
SELECT tenant_id, provider, requests, COUNT(*) AS calendars
FROM (
    SELECT tenant_id, provider,
        CAST(
            SUM(CASE WHEN day = $1 THEN milli ELSE milli * $2 / 1000 END) / 1000 AS BIGINT
        ) AS requests
    FROM provider_requests
    WHERE day >= $1 - 1
    GROUP BY tenant_id, calendar_id, provider
) AS asked
GROUP BY tenant_id, provider, requests
ORDER BY tenant_id, provider, requests
