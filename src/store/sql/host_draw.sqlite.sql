INSERT INTO hosts (host, spent_until_us)
VALUES ($1, $4 + $2)
ON CONFLICT (host) DO UPDATE
SET spent_until_us = MAX(COALESCE(hosts.spent_until_us, 0), $4) + $2
WHERE COALESCE(hosts.spent_until_us, 0) + $2 <= $4 + $3
    AND (hosts.closed_until_us IS NULL OR hosts.closed_until_us <= $4)
RETURNING host AS value
