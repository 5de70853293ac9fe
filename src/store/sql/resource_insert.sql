INSERT INTO resources (
    tenant_id, resource_id, external_id, name, time_zone, capacity, write_to, policy, event_template,
    on_provider_move, on_provider_delete, metadata, revision, created_us, touched_us
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
