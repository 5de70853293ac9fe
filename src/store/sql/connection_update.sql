UPDATE connections
SET account_label = $4, external_id = $5, access = $6, state = $7, metadata = $8, touched_us = $9,
    identity = $10, revision = revision + 1
WHERE tenant_id = $1 AND connection_id = $2 AND revision = COALESCE($3, revision)
RETURNING revision AS value
