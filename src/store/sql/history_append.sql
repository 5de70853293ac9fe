INSERT INTO booking_history (tenant_id, booking_id, n, kind, actor, body, at_us)
SELECT $1, $2, COALESCE(MAX(n), 0) + 1, $3, $4, $5, CAST($6 AS BIGINT)
FROM booking_history
WHERE tenant_id = $1 AND booking_id = $2
