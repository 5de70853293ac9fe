DELETE FROM drift
WHERE tenant_id = $1 AND calendar_id = $2
    AND NOT EXISTS (
        SELECT 1 FROM json_each($3)
        WHERE value ->> 'kind' = drift.kind AND value ->> 'booking_id' = drift.booking_id
            AND value ->> 'item' = drift.item
    )
