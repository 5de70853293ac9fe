-- Locked in the one order first, as by a heartbeat.
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
SET lease_owner = NULL, lease_until_us = NULL,
    attempts = CASE WHEN work.attempts > 0 THEN work.attempts - 1 ELSE 0 END
FROM held
WHERE work.tenant_id = held.tenant_id AND work.lane = held.lane AND work.subject = held.subject
    AND work.fence = held.fence AND work.lease_owner IS NOT NULL
