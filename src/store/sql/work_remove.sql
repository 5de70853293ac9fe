DELETE FROM work
WHERE tenant_id = $1 AND lane = $2 AND subject = $3
