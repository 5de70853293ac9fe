UPDATE connections
SET account_label = $4, external_id = $5, access = $6, state = $7, login = $8, metadata = $9,
    touched_us = $10, identity = $11, revision = revision + 1
WHERE tenant_id = $1 AND connection_id = $2 AND revision = COALESCE($3, revision)
RETURNING revision AS value
