SELECT
    calendars.calendar_id, connections.provider, connections.state, calendars.transparent,
    calendars.initial_sync, calendars.quarantine, calendars.synced_us, calendars.published_us,
    calendars.expected_max_age_s, calendars.covered_from_us, calendars.covered_until_us
FROM calendars
JOIN connections
    ON connections.tenant_id = calendars.tenant_id
    AND connections.connection_id = calendars.connection_id
WHERE calendars.tenant_id = $1 AND calendars.calendar_id = ANY (ARRAY(SELECT jsonb_array_elements_text($2::jsonb)))
