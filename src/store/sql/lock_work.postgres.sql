SELECT subject
FROM work
WHERE tenant_id = $1
ORDER BY lane IN ('advance', 'pull'), subject, lane
FOR UPDATE
