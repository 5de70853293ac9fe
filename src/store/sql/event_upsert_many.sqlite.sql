INSERT INTO events (tenant_id, calendar_id, item, series, version, body, faults, origin, touched_us)
SELECT $1, $2, value ->> 'item', value ->> 'series', value ->> 'version', value ->> 'body',
    value ->> 'faults', value ->> 'origin', $4
FROM json_each($3)
WHERE TRUE
ON CONFLICT (tenant_id, calendar_id, item) DO UPDATE
SET series = excluded.series, version = excluded.version, body = excluded.body,
    faults = excluded.faults, origin = excluded.origin, touched_us = excluded.touched_us
WHERE events.version IS DISTINCT FROM excluded.version
    OR events.body <> excluded.body
    OR events.series <> excluded.series
    OR events.faults IS DISTINCT FROM excluded.faults
    OR events.origin IS DISTINCT FROM excluded.origin
