DELETE FROM changes
WHERE (txid, n) <= ($1, $2)
