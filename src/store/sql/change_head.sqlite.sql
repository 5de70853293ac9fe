-- The sequence and not the last row: rows are pruned.
SELECT CAST(0 AS BIGINT) AS txid, CAST(seq AS BIGINT) AS n
FROM sqlite_sequence
WHERE name = 'changes'
