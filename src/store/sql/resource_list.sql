SELECT
    tenant_id, resource_id, external_id, name, time_zone, capacity, write_to, policy, event_template,
    on_provider_move, on_provider_delete, metadata, revision, created_us, touched_us
FROM resources
WHERE tenant_id = $1
    AND (CAST($2 AS TEXT) IS NULL OR external_id = $2)
    AND resource_id > COALESCE($3, '')
ORDER BY resource_id
LIMIT $4
