-- What waits, or runs and may have found itself paused, is due at once. $1 and $2 are empty for every tenant and for
-- every connection, $3 for every provider. $6 is for who reads,
-- $7 for who writes.
UPDATE work
SET due_us = MIN(due_us, $4), nudges = nudges + 1
WHERE (($6 AND lane IN ('list', 'pull')) OR ($7 AND lane = 'deliver')) AND due_us <= $5
    AND (due_us > $4 OR lease_until_us IS NOT NULL)
    AND ($1 = '' OR tenant_id = $1)
    AND EXISTS (
        SELECT 1
        FROM connections
        WHERE connections.tenant_id = work.tenant_id
            AND connections.connection_id = CASE lane
                WHEN 'list' THEN subject
                ELSE (
                    SELECT connection_id
                    FROM calendars
                    WHERE calendars.tenant_id = work.tenant_id
                        AND calendar_id = substr(subject, instr(subject, '/') + 1)
                )
            END
            AND ($2 = '' OR connections.connection_id = $2)
            AND ($3 = '' OR provider = $3)
    )
