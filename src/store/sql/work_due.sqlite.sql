-- One look for all drains. Nobody runs more than 32 drains of one kind.
SELECT (
    SELECT COUNT(*)
    FROM (
        SELECT 1
        FROM work
        LEFT JOIN hosts ON hosts.host = work.host
        WHERE work.lane = drains.value ->> 'lane' AND work.due_us <= $2
            AND (COALESCE(work.last_error, 'put_off') = 'put_off')
                IN (SELECT value FROM json_each(drains.value ->> 'sound'))
            AND (work.lease_until_us IS NULL OR work.lease_until_us <= $2)
            AND (hosts.busy_until_us IS NULL OR hosts.busy_until_us <= $2)
            AND (hosts.closed_until_us IS NULL OR hosts.closed_until_us <= $2)
        LIMIT 32
    ) AS due
) AS value
FROM json_each($1) AS drains
ORDER BY drains.key
