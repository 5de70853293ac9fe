UPDATE hosts
SET busy_until_us = CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000000 AS BIGINT) + $2
FROM jsonb_to_recordset($1::jsonb) AS talk (host TEXT, owner TEXT)
WHERE hosts.host = talk.host AND hosts.busy_owner = talk.owner AND hosts.busy_until_us IS NOT NULL
