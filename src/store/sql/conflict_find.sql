-- A pair that was dismissed stays dismissed; one that was settled otherwise is open again.
INSERT INTO conflicts (
    tenant_id, booking_id, conflict_id, calendar_id, kind, pair, state, policy, likely_copy, start_us, end_us,
    found_us
)
VALUES ($1, $2, $3, $4, $5, $6, 'open', $7, $8, $9, $10, $11)
ON CONFLICT (tenant_id, booking_id, pair) DO UPDATE
SET state = 'open', policy = excluded.policy, likely_copy = excluded.likely_copy, start_us = excluded.start_us,
    end_us = excluded.end_us, found_us = excluded.found_us, settled_us = NULL
WHERE conflicts.state NOT IN ('open', 'dismissed')
RETURNING conflict_id AS value
