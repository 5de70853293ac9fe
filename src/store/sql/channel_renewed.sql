UPDATE channels
SET expires_us = $3, renew_us = $4
WHERE tenant_id = $1 AND channel_id = $2 AND state = 'open'
