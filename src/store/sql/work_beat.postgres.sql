UPDATE work
SET lease_until_us = CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000000 AS BIGINT) + $2
FROM jsonb_to_recordset($1::jsonb)
    AS held (tenant_id TEXT, lane TEXT, subject TEXT, fence BIGINT)
WHERE work.tenant_id = held.tenant_id AND work.lane = held.lane AND work.subject = held.subject
    AND work.fence = held.fence AND work.lease_owner IS NOT NULL
RETURNING
    work.tenant_id, work.lane, work.subject, work.due_us, work.nudges, work.attempts, work.demand,
    work.lease_owner, work.lease_until_us, work.fence, work.last_error, work.host
