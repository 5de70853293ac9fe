INSERT INTO provider_requests (tenant_id, calendar_id, day, provider, milli)
SELECT tenant_id, calendar_id, $3, $4, $5 / COUNT(*) OVER ()
FROM calendars
WHERE tenant_id = $1 AND connection_id = $2
ON CONFLICT (tenant_id, calendar_id, day) DO UPDATE
SET milli = provider_requests.milli + excluded.milli
