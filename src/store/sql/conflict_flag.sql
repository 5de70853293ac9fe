UPDATE conflicts
SET policy = 'flag'
WHERE tenant_id = $1 AND booking_id = $2 AND conflict_id = $3
