SELECT txid, n
FROM changes
WHERE at_us >= $1
ORDER BY n
LIMIT 1
