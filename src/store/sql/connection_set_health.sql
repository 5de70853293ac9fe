UPDATE connections
SET state = $3, last_ok_us = COALESCE($4, last_ok_us), last_error = $5, failures = $6,
    learned = COALESCE($7, learned), touched_us = $8
WHERE tenant_id = $1 AND connection_id = $2 AND state <> 'removing'
    AND (
        state <> $3
        OR last_ok_us IS DISTINCT FROM COALESCE($4, last_ok_us)
        OR last_error IS DISTINCT FROM $5
        OR failures <> $6
        OR learned <> COALESCE($7, learned)
    )
