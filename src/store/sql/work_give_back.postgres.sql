UPDATE work
SET lease_owner = NULL, lease_until_us = NULL,
    attempts = CASE WHEN work.attempts > 0 THEN work.attempts - 1 ELSE 0 END
FROM jsonb_to_recordset($1::jsonb)
    AS held (tenant_id TEXT, lane TEXT, subject TEXT, fence BIGINT)
WHERE work.tenant_id = held.tenant_id AND work.lane = held.lane AND work.subject = held.subject
    AND work.fence = held.fence AND work.lease_owner IS NOT NULL
