INSERT INTO hosts (host, closed_until_us, closed_us)
VALUES ($1, $2, $3)
ON CONFLICT (host) DO UPDATE
SET closed_until_us = excluded.closed_until_us, closed_us = excluded.closed_us
WHERE hosts.closed_until_us IS NULL OR hosts.closed_until_us < excluded.closed_until_us
