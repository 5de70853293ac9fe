SELECT resource_id, claim_id, seat, start_us, end_us, expires_us
FROM claims
WHERE (tenant_id, resource_id) > (COALESCE($1, ''), COALESCE($2, ''))
    AND (tenant_id, resource_id) <= ($3, $4)
    AND end_us > $5
