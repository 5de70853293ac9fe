INSERT INTO provider_requests (tenant_id, calendar_id, day, provider, milli)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id, calendar_id, day) DO UPDATE
SET milli = provider_requests.milli + excluded.milli
