INSERT INTO hosts (host, spent_until_us)
VALUES ($1, CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000000 AS BIGINT) + $2)
ON CONFLICT (host) DO UPDATE
SET spent_until_us = GREATEST(COALESCE(hosts.spent_until_us, 0), CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000000 AS BIGINT)) + $2
WHERE COALESCE(hosts.spent_until_us, 0) + $2 <= CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000000 AS BIGINT) + $3
    AND (hosts.closed_until_us IS NULL OR hosts.closed_until_us <= $4)
RETURNING host AS value
