SELECT MIN(next_us) AS value
FROM (
    SELECT next_us
    FROM (
        SELECT due_us AS next_us
        FROM work
        WHERE lane = $1 AND lease_until_us IS NULL
        ORDER BY due_us
        LIMIT 1
    ) AS free
    UNION ALL
    SELECT next_us
    FROM (
        SELECT lease_until_us AS next_us
        FROM work
        WHERE lane = $1 AND lease_until_us IS NOT NULL
        ORDER BY lease_until_us
        LIMIT 1
    ) AS leased
) AS next
