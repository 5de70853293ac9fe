SELECT COUNT(*) AS total, MAX(closed_until_us) AS latest_us
FROM hosts
WHERE closed_until_us > $1
