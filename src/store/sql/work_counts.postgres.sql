SELECT lane, COUNT(*) AS total,
    COUNT(CASE WHEN due_us <= $1 AND NOT leased THEN 1 END) AS ready,
    COUNT(CASE WHEN leased THEN 1 END) AS leased,
    COUNT(NULLIF(last_error, 'put_off')) AS failing,
    MIN(CASE WHEN due_us <= $1 AND NOT leased THEN due_us END) AS oldest_due_us
FROM (
    SELECT lane, due_us, last_error,
        COALESCE(lease_until_us > CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000000 AS BIGINT), FALSE) AS leased
    FROM work
) AS rows_of_work
GROUP BY lane
ORDER BY lane
