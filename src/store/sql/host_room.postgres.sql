-- In how long there is room again, and the host open.
SELECT GREATEST(COALESCE(spent_until_us, 0) + $2 - $3 - CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000000 AS BIGINT), COALESCE(closed_until_us, 0) - $4, 0) AS value
FROM hosts
WHERE host = $1
