SELECT route AS part, key AS rest, answer AS sealed
FROM idempotency
WHERE tenant_id = $1 AND (route, key) > ($2, $3) AND substr(answer, 2, 8) <> $4
ORDER BY route, key
LIMIT $5
