SELECT n, verb, outcome, status, detail, at_us, took_us
FROM attempts
WHERE tenant_id = $1 AND booking_id = $2 AND calendar_id = $3
ORDER BY n DESC
LIMIT $4
