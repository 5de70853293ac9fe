SELECT
    tenant_id, booking_id, conflict_id, calendar_id, kind, pair, state, policy, likely_copy, start_us, end_us, found_us,
    settled_us
FROM conflicts
WHERE tenant_id = $1 AND booking_id = $2
ORDER BY found_us, conflict_id
