INSERT INTO calendars (
    tenant_id, calendar_id, connection_id, provider_ref, name, time_zone, writable, transparent,
    poll_every_s, expected_max_age_s, created_us, touched_us
)
SELECT $1, calendar_id, $2, provider_ref, name, time_zone, writable, transparent, poll_every_s,
    expected_max_age_s, $4, $4
FROM jsonb_to_recordset($3::jsonb) AS listed (
    calendar_id TEXT, provider_ref TEXT, name TEXT, time_zone TEXT, writable BOOLEAN,
    transparent BOOLEAN, poll_every_s BIGINT, expected_max_age_s BIGINT
)
ON CONFLICT (tenant_id, connection_id, provider_ref) DO UPDATE
SET name = excluded.name, time_zone = COALESCE(excluded.time_zone, calendars.time_zone),
    writable = excluded.writable, transparent = excluded.transparent, listed = TRUE,
    touched_us = excluded.touched_us, revision = calendars.revision + 1
WHERE NOT calendars.listed
    OR calendars.name <> excluded.name
    OR calendars.time_zone IS DISTINCT FROM COALESCE(excluded.time_zone, calendars.time_zone)
    OR calendars.writable <> excluded.writable
    OR calendars.transparent <> excluded.transparent
