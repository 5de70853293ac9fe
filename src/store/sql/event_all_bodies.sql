SELECT item, series, version, body, faults, origin
FROM events
WHERE tenant_id = $1 AND calendar_id = $2
    AND series IN (
        SELECT DISTINCT series
        FROM events
        WHERE tenant_id = $1 AND calendar_id = $2 AND series > COALESCE($3, '')
        ORDER BY series
        LIMIT $4
    )
ORDER BY series, item
