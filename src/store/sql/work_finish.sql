-- The due time of a claimed row lies in the past: leaving it makes the row due at once.
UPDATE work
SET due_us = CASE
        WHEN CAST($7 AS TEXT) IS NULL AND nudges <> $5 THEN due_us
        ELSE COALESCE($6, due_us)
    END,
    attempts = CASE WHEN CAST($7 AS TEXT) IS NULL THEN 0 ELSE attempts END,
    demand = CASE WHEN CAST($7 AS TEXT) IS NULL AND demand_nudge <= $5 THEN NULL ELSE demand END,
    last_error = $7, lease_owner = NULL, lease_until_us = NULL
WHERE tenant_id = $1 AND lane = $2 AND subject = $3 AND fence = $4 AND lease_owner IS NOT NULL
