SELECT txid, n
FROM changes
WHERE (txid, n) < ($1, $2)
ORDER BY txid DESC, n DESC
LIMIT 1
