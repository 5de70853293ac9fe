-- Locked in the one order first: an UPDATE alone takes its rows as it finds them.
WITH held AS MATERIALIZED (
    SELECT work.tenant_id, work.lane, work.subject, work.fence
    FROM jsonb_to_recordset($1::jsonb)
        AS claim (tenant_id TEXT, lane TEXT, subject TEXT, fence BIGINT)
    JOIN work
        ON work.tenant_id = claim.tenant_id AND work.lane = claim.lane
        AND work.subject = claim.subject AND work.fence = claim.fence
    WHERE work.lease_owner IS NOT NULL
    ORDER BY work.lane IN ('advance', 'pull'), work.subject, work.lane
    FOR NO KEY UPDATE OF work
)
UPDATE work
SET lease_until_us = CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000000 AS BIGINT) + $2
FROM held
WHERE work.tenant_id = held.tenant_id AND work.lane = held.lane AND work.subject = held.subject
    AND work.fence = held.fence AND work.lease_owner IS NOT NULL
RETURNING
    work.tenant_id, work.lane, work.subject, work.due_us, work.nudges, work.attempts, work.demand,
    work.lease_owner, work.lease_until_us, work.fence, work.last_error, work.host
