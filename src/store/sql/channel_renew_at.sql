UPDATE channels
SET renew_us = $3
WHERE tenant_id = $1 AND channel_id = $2 AND state = 'open'
