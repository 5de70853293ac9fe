UPDATE work
SET lease_owner = NULL, lease_until_us = NULL,
    attempts = CASE WHEN attempts > 0 THEN attempts - 1 ELSE 0 END
WHERE lease_owner IS NOT NULL AND (tenant_id, lane, subject, fence) IN (
    SELECT value ->> 'tenant_id', value ->> 'lane', value ->> 'subject', value ->> 'fence'
    FROM json_each($1)
)
