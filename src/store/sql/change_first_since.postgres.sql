SELECT txid, n
FROM changes
WHERE at_us >= $1
ORDER BY txid, n
LIMIT 1
