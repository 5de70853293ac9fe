UPDATE work
SET lease_until_us = $5
WHERE tenant_id = $1 AND lane = $2 AND subject = $3 AND fence = $4 AND lease_owner IS NOT NULL
