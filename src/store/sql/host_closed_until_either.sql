SELECT closed_until_us AS value
FROM hosts
WHERE host IN ($1, $2) AND closed_until_us > $3
ORDER BY closed_until_us DESC
LIMIT 1
