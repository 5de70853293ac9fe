UPDATE calendars
SET push = 'healthy', heard_us = $3, touched_us = $3,
    expected_max_age_s = CASE
        WHEN expected_max_age_s < CAST($4 AS BIGINT) THEN CAST($4 AS BIGINT)
        ELSE expected_max_age_s
    END
WHERE tenant_id = $1 AND calendar_id = $2
