UPDATE hosts
SET busy_until_us = $3 + $2
WHERE busy_until_us IS NOT NULL AND (host, busy_owner) IN (
    SELECT value ->> 'host', value ->> 'owner'
    FROM json_each($1)
)
