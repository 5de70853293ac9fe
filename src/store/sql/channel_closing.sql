UPDATE channels
SET state = 'closing'
WHERE tenant_id = $1 AND channel_id = $2
