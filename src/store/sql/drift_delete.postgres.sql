DELETE FROM drift
WHERE tenant_id = $1 AND calendar_id = $2
    AND NOT EXISTS (
        SELECT 1
        FROM jsonb_to_recordset($3::jsonb) AS still (kind TEXT, booking_id TEXT, item TEXT)
        WHERE still.kind = drift.kind AND still.booking_id = drift.booking_id
            AND still.item = drift.item
    )
