SELECT kind, actor, body, at_us
FROM booking_history
WHERE tenant_id = $1 AND booking_id = $2
ORDER BY n
