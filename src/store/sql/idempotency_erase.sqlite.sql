-- Answers about all connections go: which of them tell of this one stands under their seal.
DELETE FROM idempotency
WHERE tenant_id = $1 AND status IS NOT NULL
    AND (
        route LIKE '% /v1/connections%'
        OR EXISTS (SELECT 1 FROM json_each($2) WHERE instr(idempotency.route, value) > 0)
    )
