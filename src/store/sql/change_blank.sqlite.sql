UPDATE changes
SET body = '{"erased":true}'
WHERE tenant_id = $1 AND subject IN (SELECT value FROM json_each($2))
