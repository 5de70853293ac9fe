SELECT connection_id AS part, '' AS rest, login AS sealed
FROM connections
WHERE tenant_id = $1 AND connection_id > $2 AND substr(login, 2, 8) <> $3
ORDER BY connection_id
LIMIT $4
