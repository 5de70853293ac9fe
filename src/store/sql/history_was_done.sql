SELECT n AS value
FROM booking_history
WHERE tenant_id = $1 AND booking_id = $2 AND request = $3
