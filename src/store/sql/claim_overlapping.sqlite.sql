-- Claims of a seat never overlap: of each seat, all that begin in the span, and the last one before it. CROSS keeps the
-- seats in front, where the planner would rather read every claim of the tenant.
WITH RECURSIVE seats (resource_id, seat, capacity) AS (
    SELECT resource_id, 0, capacity FROM resources
    WHERE tenant_id = $1 AND resource_id IN (SELECT value FROM json_each($2))
    UNION ALL
    SELECT resource_id, seat + 1, capacity FROM seats WHERE seat + 1 < capacity
)
SELECT claims.resource_id, claims.claim_id, claims.seat, claims.start_us, claims.end_us, claims.expires_us
FROM seats
CROSS JOIN claims
    ON claims.tenant_id = $1
    AND claims.resource_id = seats.resource_id
    AND claims.seat = seats.seat
    AND claims.start_us >= COALESCE(
        (
            SELECT MAX(start_us) FROM claims AS before
            WHERE before.tenant_id = $1
                AND before.resource_id = seats.resource_id
                AND before.seat = seats.seat
                AND before.start_us <= $3
        ),
        $3
    )
    AND claims.start_us < $4
    AND claims.end_us > $3
ORDER BY claims.resource_id, claims.start_us, claims.claim_id
