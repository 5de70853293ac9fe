INSERT INTO claims (tenant_id, resource_id, claim_id, seat, start_us, end_us, expires_us)
SELECT
    $1, value ->> 'resource_id', value ->> 'claim_id', value ->> 'seat', value ->> 'start_us',
    value ->> 'end_us', value ->> 'expires_us'
FROM json_each($2)
