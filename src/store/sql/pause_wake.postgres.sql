-- What waits, or runs and may have found itself paused, is due at once. $1 and $2 are empty for every tenant and for
-- every connection, $3 for every provider. $6 is for who reads,
-- $7 for who writes. Locked in the order of all.
WITH waiting AS MATERIALIZED (
    SELECT work.tenant_id, work.lane, work.subject
    FROM work
    WHERE (($6 AND work.lane IN ('list', 'pull')) OR ($7 AND work.lane = 'deliver')) AND work.due_us <= $5
        AND (work.due_us > $4 OR work.lease_until_us IS NOT NULL)
        AND ($1 = '' OR work.tenant_id = $1)
        AND EXISTS (
            SELECT 1
            FROM connections
            WHERE connections.tenant_id = work.tenant_id
                AND connections.connection_id = CASE work.lane
                    WHEN 'list' THEN work.subject
                    ELSE (
                        SELECT calendars.connection_id
                        FROM calendars
                        WHERE calendars.tenant_id = work.tenant_id
                            AND calendars.calendar_id = substr(work.subject, strpos(work.subject, '/') + 1)
                    )
                END
                AND ($2 = '' OR connections.connection_id = $2)
                AND ($3 = '' OR connections.provider = $3)
        )
    ORDER BY work.lane IN ('advance', 'pull'), work.subject, work.lane
    FOR NO KEY UPDATE OF work
)
UPDATE work
SET due_us = LEAST(work.due_us, $4), nudges = work.nudges + 1
FROM waiting
WHERE work.tenant_id = waiting.tenant_id AND work.lane = waiting.lane AND work.subject = waiting.subject
