-- The rows are locked already. Leases are judged by the database's clock: hubs may disagree about the time.
UPDATE work
SET lease_owner = $2, lease_until_us = CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000000 AS BIGINT) + $3,
    fence = work.fence + 1, attempts = work.attempts + 1
FROM jsonb_to_recordset($1::jsonb)
    AS due (tenant_id TEXT, lane TEXT, subject TEXT)
WHERE work.tenant_id = due.tenant_id AND work.lane = due.lane AND work.subject = due.subject
RETURNING
    work.tenant_id, work.lane, work.subject, work.due_us, work.nudges, work.attempts, work.demand,
    work.lease_owner, work.lease_until_us, work.fence, work.last_error, work.host
