INSERT INTO timeline (tenant_id, connection_id, subject, n, kind, body, times, first_us, last_us)
SELECT
    CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), COALESCE(MAX(n), 0) + 1, CAST($4 AS TEXT),
    CAST($5 AS TEXT), 1, CAST($6 AS BIGINT), CAST($6 AS BIGINT)
FROM timeline
WHERE tenant_id = $1 AND subject = $3
