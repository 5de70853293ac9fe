UPDATE claims SET expires_us = $3 WHERE tenant_id = $1 AND claim_id = $2
