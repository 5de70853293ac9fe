-- $1 (a transaction id) is PostgreSQL's.
SELECT txid, n
FROM changes
WHERE n < $2 AND $1 >= 0
ORDER BY n DESC
LIMIT 1
