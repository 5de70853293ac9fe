INSERT INTO attempts (
    tenant_id, booking_id, calendar_id, n, verb, outcome, status, detail, at_us, took_us
)
SELECT $1, $2, $3, COALESCE(MAX(n), 0) + 1, $4, $5, CAST($6 AS BIGINT), $7, CAST($8 AS BIGINT), CAST($9 AS BIGINT)
FROM attempts
WHERE tenant_id = $1 AND booking_id = $2 AND calendar_id = $3
