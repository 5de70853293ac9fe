INSERT INTO hosts (host, live_owner, live_until_us)
VALUES ($1, $2, $4 + $3)
ON CONFLICT (host) DO UPDATE
SET live_owner = excluded.live_owner, live_until_us = excluded.live_until_us
WHERE (hosts.live_until_us IS NULL OR hosts.live_until_us <= $4)
    AND (hosts.closed_until_us IS NULL OR hosts.closed_until_us <= $4)
RETURNING host AS value
