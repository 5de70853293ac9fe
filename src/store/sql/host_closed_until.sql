SELECT closed_until_us AS value
FROM hosts
WHERE host = $1 AND closed_until_us > $2
