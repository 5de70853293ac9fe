UPDATE calendars
SET listed = FALSE, touched_us = $4, revision = revision + 1
WHERE tenant_id = $1 AND connection_id = $2 AND listed
    AND provider_ref NOT IN (SELECT value ->> 'provider_ref' FROM json_each($3))
