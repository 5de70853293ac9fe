UPDATE resources
SET external_id = $4, name = $5, time_zone = $6, capacity = $7, write_to = $8, policy = $9,
    event_template = $10, on_provider_move = $11, on_provider_delete = $12, metadata = $13,
    touched_us = $14, revision = revision + 1
WHERE tenant_id = $1 AND resource_id = $2 AND revision = COALESCE($3, revision)
RETURNING revision AS value
