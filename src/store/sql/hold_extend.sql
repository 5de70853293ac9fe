UPDATE holds
SET expires_us = $3, revision = revision + 1, touched_us = $4
WHERE tenant_id = $1 AND hold_id = $2 AND state = 'held'
