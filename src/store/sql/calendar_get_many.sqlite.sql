SELECT
    tenant_id, calendar_id, connection_id, provider_ref, name, time_zone, time_zone_set, writable,
    transparent, listed, read_cursor, generation, initial_sync, synced_us, published_us, full_us,
    covered_from_us, covered_until_us, poll_every_s, expected_max_age_s, failures, last_error,
    quarantine, revision, push, heard_us, created_us, touched_us
FROM calendars
WHERE tenant_id = $1 AND calendar_id IN (SELECT value FROM json_each($2))
ORDER BY calendar_id
