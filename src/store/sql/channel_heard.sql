UPDATE channels
SET proven_us = COALESCE(proven_us, $3), heard_us = $3, number = $4
WHERE tenant_id = $1 AND channel_id = $2
