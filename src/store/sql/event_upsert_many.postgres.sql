-- Of an item that comes twice in one page the later one counts: a row cannot be updated twice at once.
INSERT INTO events (tenant_id, calendar_id, item, series, version, body, faults, origin, touched_us)
SELECT DISTINCT ON (fresh.item) $1, $2, fresh.item, fresh.series, fresh.version, fresh.body,
    fresh.faults, fresh.origin, $4::bigint
FROM ROWS FROM (
    jsonb_to_recordset($3::jsonb)
    AS (item TEXT, series TEXT, version TEXT, body TEXT, faults TEXT, origin TEXT)
) WITH ORDINALITY AS fresh (item, series, version, body, faults, origin, place)
ORDER BY fresh.item, fresh.place DESC
ON CONFLICT (tenant_id, calendar_id, item) DO UPDATE
SET series = excluded.series, version = excluded.version, body = excluded.body,
    faults = excluded.faults, origin = excluded.origin, touched_us = excluded.touched_us
WHERE events.version IS DISTINCT FROM excluded.version
    OR events.body <> excluded.body
    OR events.series <> excluded.series
    OR events.faults IS DISTINCT FROM excluded.faults
    OR events.origin IS DISTINCT FROM excluded.origin
