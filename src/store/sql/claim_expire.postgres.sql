DELETE FROM claims
WHERE tenant_id = $1 AND resource_id = ANY (ARRAY(SELECT jsonb_array_elements_text($2::jsonb))) AND expires_us <= $3
