UPDATE channels
SET state = 'open', resource = $3, expires_us = $4, renew_us = $5
WHERE tenant_id = $1 AND channel_id = $2 AND state = 'opening'
