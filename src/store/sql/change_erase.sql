DELETE FROM changes
WHERE tenant_id = $1
