UPDATE changes
SET body = '{"erased":true}'
WHERE tenant_id = $1 AND subject IN (SELECT json_array_elements_text(CAST($2 AS JSON)))
