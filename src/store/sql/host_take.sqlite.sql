INSERT INTO hosts (host, busy_owner, busy_until_us)
SELECT DISTINCT value, $2, $4 + $3
FROM json_each($1)
WHERE TRUE
ON CONFLICT (host) DO UPDATE
SET busy_owner = excluded.busy_owner, busy_until_us = excluded.busy_until_us
WHERE (hosts.busy_until_us IS NULL OR hosts.busy_until_us <= $4)
    AND (hosts.closed_until_us IS NULL OR hosts.closed_until_us <= $4)
RETURNING host AS value
