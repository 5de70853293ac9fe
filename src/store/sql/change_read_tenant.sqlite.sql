-- $1 and $3 (transaction ids) are PostgreSQL's; one writer commits in the order of n.
SELECT tenant_id, txid, n, change_id, type, actor, subject, body, at_us
FROM changes
WHERE tenant_id = $6 AND txid = 0 AND n > $2 AND $1 >= 0 AND $3 >= 0
    AND ($4 = '[]' OR type IN (SELECT value FROM json_each($4)))
ORDER BY n
LIMIT $5
