SELECT
    tenant_id, booking_id, conflict_id, calendar_id, kind, pair, state, policy, likely_copy, start_us, end_us, found_us,
    settled_us
FROM conflicts
WHERE state = 'open' AND policy <> 'flag'
ORDER BY found_us
LIMIT $1
