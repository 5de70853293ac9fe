UPDATE work
SET host = $5
WHERE tenant_id = $1 AND lane = $2 AND subject = $3 AND fence = $4
