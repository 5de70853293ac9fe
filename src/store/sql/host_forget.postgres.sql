-- What somebody has a hand on is not idle: nobody is waited for.
WITH idle AS MATERIALIZED (
    SELECT host
    FROM hosts
    WHERE (closed_until_us IS NULL OR closed_until_us <= $1)
        AND (busy_until_us IS NULL OR busy_until_us <= CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000000 AS BIGINT))
        AND (live_until_us IS NULL OR live_until_us <= CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000000 AS BIGINT))
        AND (spent_until_us IS NULL OR spent_until_us <= CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000000 AS BIGINT))
    FOR UPDATE SKIP LOCKED
)
DELETE FROM hosts
USING idle
WHERE hosts.host = idle.host
