INSERT INTO drift (tenant_id, calendar_id, kind, booking_id, item, act, found_us)
SELECT $1, $2, value ->> 'kind', value ->> 'booking_id', value ->> 'item', value ->> 'act', $4
FROM json_each($3)
WHERE TRUE
ON CONFLICT (tenant_id, calendar_id, kind, booking_id, item) DO UPDATE SET act = excluded.act
