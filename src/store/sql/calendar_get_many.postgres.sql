-- OFFSET 0: see busy_of_series.
SELECT
    tenant_id, calendar_id, connection_id, provider_ref, name, time_zone, time_zone_set, writable,
    transparent, listed, read_cursor, generation, initial_sync, synced_us, published_us, full_us,
    covered_from_us, covered_until_us, poll_every_s, expected_max_age_s, failures, last_error,
    quarantine, revision, push, heard_us, created_us, touched_us
FROM (SELECT DISTINCT jsonb_array_elements_text($2::jsonb) AS id) AS wanted
CROSS JOIN LATERAL (
    SELECT * FROM calendars WHERE tenant_id = $1 AND calendar_id = wanted.id OFFSET 0
) AS found
ORDER BY calendar_id
