UPDATE booking_history
SET request = $3
WHERE tenant_id = $1 AND booking_id = $2 AND n = (
    SELECT MAX(n)
    FROM booking_history
    WHERE tenant_id = $1 AND booking_id = $2
)
