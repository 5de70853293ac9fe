SELECT calendar_id, kind, booking_id, item, act, found_us
FROM drift
WHERE tenant_id = $1
    AND (CAST($2 AS TEXT) IS NULL OR calendar_id = $2)
    AND (CAST($3 AS TEXT) IS NULL OR kind = $3)
    AND (calendar_id, kind, booking_id, item)
        > (COALESCE($4, ''), COALESCE($5, ''), COALESCE($6, ''), COALESCE($7, ''))
ORDER BY calendar_id, kind, booking_id, item
LIMIT $8
