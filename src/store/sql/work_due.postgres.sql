-- One look for all drains. Nobody runs more than 32 drains of one kind.
SELECT (
    SELECT COUNT(*)
    FROM (
        SELECT 1
        FROM work
        LEFT JOIN hosts ON hosts.host = work.host
        WHERE work.lane = drains.lane AND work.due_us <= $2
            AND (COALESCE(work.last_error, 'put_off') = 'put_off') = ANY (drains.sound)
            AND (work.lease_until_us IS NULL OR work.lease_until_us <= CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000000 AS BIGINT))
            AND (hosts.busy_until_us IS NULL OR hosts.busy_until_us <= CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000000 AS BIGINT))
            AND (hosts.closed_until_us IS NULL OR hosts.closed_until_us <= $2)
        LIMIT 32
    ) AS due
) AS value
FROM ROWS FROM (jsonb_to_recordset($1::jsonb) AS (lane TEXT, sound BOOLEAN[])) WITH ORDINALITY AS drains (lane, sound, nth)
ORDER BY drains.nth
