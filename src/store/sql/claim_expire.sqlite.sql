DELETE FROM claims
WHERE tenant_id = $1 AND resource_id IN (SELECT value FROM json_each($2)) AND expires_us <= $3
