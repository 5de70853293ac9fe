SELECT resource_id, claim_id, seat, start_us, end_us, expires_us
FROM claims
WHERE tenant_id = $1 AND resource_id = $2 AND end_us > $3
ORDER BY start_us, claim_id
