SELECT
    tenant_id, resource_id, external_id, name, time_zone, capacity, write_to, policy, event_template,
    on_provider_move, on_provider_delete, metadata, revision, created_us, touched_us
FROM resources
WHERE (tenant_id, resource_id) > (COALESCE($1, ''), COALESCE($2, ''))
ORDER BY tenant_id, resource_id
LIMIT $3
