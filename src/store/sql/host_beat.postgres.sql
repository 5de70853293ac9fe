-- In one order everywhere.
WITH held AS MATERIALIZED (
    SELECT hosts.host, hosts.busy_owner
    FROM jsonb_to_recordset($1::jsonb) AS talk (host TEXT, owner TEXT)
    JOIN hosts ON hosts.host = talk.host AND hosts.busy_owner = talk.owner
    WHERE hosts.busy_until_us IS NOT NULL
    ORDER BY hosts.host
    FOR NO KEY UPDATE OF hosts
)
UPDATE hosts
SET busy_until_us = CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000000 AS BIGINT) + $2
FROM held
WHERE hosts.host = held.host AND hosts.busy_owner = held.busy_owner AND hosts.busy_until_us IS NOT NULL
