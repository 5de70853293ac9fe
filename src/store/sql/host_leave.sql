UPDATE hosts
SET busy_until_us = CASE WHEN busy_owner = $2 THEN NULL ELSE busy_until_us END,
    live_until_us = CASE WHEN live_owner = $2 THEN NULL ELSE live_until_us END
WHERE host = $1 AND (busy_owner = $2 OR live_owner = $2)
