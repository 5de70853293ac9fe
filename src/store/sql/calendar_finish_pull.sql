UPDATE calendars
SET read_cursor = $3, generation = $4, initial_sync = 'done', synced_us = $5, published_us = $6,
    full_us = COALESCE($7, full_us), covered_from_us = $8, covered_until_us = $9,
    poll_every_s = $10,
    expected_max_age_s = CASE
        WHEN push = 'healthy' AND CAST($11 AS BIGINT) < CAST($15 AS BIGINT) THEN CAST($15 AS BIGINT)
        ELSE CAST($11 AS BIGINT)
    END, name = COALESCE($12, name),
    time_zone = COALESCE($13, time_zone), touched_us = $14, failures = 0, last_error = NULL
WHERE tenant_id = $1 AND calendar_id = $2
RETURNING push AS value
