-- In one order everywhere, so that two hubs never wait for each other.
INSERT INTO hosts (host, busy_owner, busy_until_us)
SELECT DISTINCT wanted.host, CAST($2 AS TEXT), CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000000 AS BIGINT) + $3
FROM jsonb_array_elements_text($1::jsonb) AS wanted (host)
ORDER BY wanted.host
ON CONFLICT (host) DO UPDATE
SET busy_owner = excluded.busy_owner, busy_until_us = excluded.busy_until_us
WHERE (hosts.busy_until_us IS NULL OR hosts.busy_until_us <= CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000000 AS BIGINT))
    AND (hosts.closed_until_us IS NULL OR hosts.closed_until_us <= $4)
RETURNING host AS value
