INSERT INTO claims (tenant_id, resource_id, claim_id, seat, start_us, end_us, expires_us)
SELECT $1, resource_id, claim_id, seat, start_us, end_us, expires_us
FROM jsonb_to_recordset($2::jsonb) AS claim (
    resource_id TEXT, claim_id TEXT, seat BIGINT, start_us BIGINT, end_us BIGINT, expires_us BIGINT
)
