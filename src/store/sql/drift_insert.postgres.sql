INSERT INTO drift (tenant_id, calendar_id, kind, booking_id, item, act, found_us)
SELECT $1, $2, fresh.kind, fresh.booking_id, fresh.item, fresh.act, $4::bigint
FROM jsonb_to_recordset($3::jsonb)
    AS fresh (kind TEXT, booking_id TEXT, item TEXT, act TEXT)
ON CONFLICT (tenant_id, calendar_id, kind, booking_id, item) DO UPDATE SET act = excluded.act
