SELECT COUNT(*) AS value
FROM (
    SELECT 1
    FROM work
    WHERE lane = $1 AND due_us <= $2 AND (lease_until_us IS NULL OR lease_until_us <= $2)
    LIMIT 1
) AS due
