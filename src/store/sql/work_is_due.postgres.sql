SELECT COUNT(*) AS value
FROM (
    SELECT 1
    FROM work
    LEFT JOIN hosts ON hosts.host = work.host
    WHERE work.lane = $1 AND work.due_us <= $2
        AND ($3 = 0 OR (COALESCE(work.last_error, 'put_off') = 'put_off') = ($3 = 1))
        AND (work.lease_until_us IS NULL OR work.lease_until_us <= CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000000 AS BIGINT))
        AND (hosts.busy_until_us IS NULL OR hosts.busy_until_us <= CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000000 AS BIGINT))
        AND (hosts.closed_until_us IS NULL OR hosts.closed_until_us <= $2)
    LIMIT 1
) AS due
