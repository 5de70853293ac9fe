SELECT fence AS value
FROM work
WHERE tenant_id = $1 AND lane = $2 AND subject = $3 AND fence = $4 AND lease_owner IS NOT NULL
