SELECT connection_id AS part, '' AS rest, access_token AS sealed
FROM grants
WHERE tenant_id = $1 AND connection_id > $2 AND substr(access_token, 2, 8) <> $3
ORDER BY connection_id
LIMIT $4
