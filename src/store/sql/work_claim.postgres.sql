-- Leases are judged by the database's clock: hubs may disagree about the time.
-- Materialised, because a planner that ran it twice would lock twice as many.
WITH due AS MATERIALIZED (
    SELECT tenant_id, lane, subject
    FROM work
    WHERE lane = $1 AND due_us <= $3
        AND (lease_until_us IS NULL
            OR lease_until_us <= CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000000 AS BIGINT))
    ORDER BY due_us
    LIMIT $5
    FOR UPDATE SKIP LOCKED
)
UPDATE work
SET lease_owner = $2,
    lease_until_us = CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000000 AS BIGINT) + $4,
    fence = work.fence + 1, attempts = work.attempts + 1
FROM due
WHERE work.tenant_id = due.tenant_id AND work.lane = due.lane AND work.subject = due.subject
RETURNING
    work.tenant_id, work.lane, work.subject, work.due_us, work.nudges, work.attempts, work.demand,
    work.lease_owner, work.lease_until_us, work.fence, work.last_error
