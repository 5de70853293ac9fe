-- An owner is a hub's name and the number of its claim. Locked in the one order first, as by a heartbeat.
WITH held AS MATERIALIZED (
    SELECT tenant_id, lane, subject
    FROM work
    WHERE split_part(lease_owner, '.', 1) = $1
    ORDER BY lane IN ('advance', 'pull'), subject, lane
    FOR NO KEY UPDATE
)
UPDATE work
SET lease_owner = NULL, lease_until_us = NULL
FROM held
WHERE work.tenant_id = held.tenant_id AND work.lane = held.lane AND work.subject = held.subject
    AND split_part(work.lease_owner, '.', 1) = $1
