SELECT lane, COUNT(*) AS total,
    COUNT(CASE WHEN due_us <= $1 AND (lease_until_us IS NULL OR lease_until_us <= $1) THEN 1 END)
        AS ready,
    COUNT(CASE WHEN lease_until_us > $1 THEN 1 END) AS leased,
    COUNT(NULLIF(last_error, 'put_off')) AS failing,
    MIN(CASE WHEN due_us <= $1 AND (lease_until_us IS NULL OR lease_until_us <= $1) THEN due_us END)
        AS oldest_due_us
FROM work
GROUP BY lane
ORDER BY lane
