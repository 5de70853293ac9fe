SELECT provider AS part, '' AS rest, secret AS sealed
FROM provider_apps
WHERE tenant_id = $1 AND provider > $2 AND substr(secret, 2, 8) <> $3
ORDER BY provider
LIMIT $4
