-- By the index of the rule itself: the same operators.
SELECT found.resource_id, found.claim_id, found.seat, found.start_us, found.end_us, found.expires_us
FROM (SELECT DISTINCT jsonb_array_elements_text($2::jsonb) AS id) AS wanted
CROSS JOIN LATERAL (
    SELECT resource_id, claim_id, seat, start_us, end_us, expires_us
    FROM claims
    WHERE tenant_id = $1 AND resource_id = wanted.id
        AND int8range(start_us, end_us) && int8range($3, $4)
    OFFSET 0
) AS found
ORDER BY resource_id, start_us, claim_id
