-- In how long there is room again, and the host open.
SELECT MAX(COALESCE(spent_until_us, 0) + $2 - $3 - $4, COALESCE(closed_until_us, 0) - $4, 0) AS value
FROM hosts
WHERE host = $1
