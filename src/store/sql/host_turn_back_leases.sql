UPDATE hosts
SET busy_until_us = CASE WHEN busy_until_us > $2 THEN $1 ELSE busy_until_us END,
    live_until_us = CASE WHEN live_until_us > $2 THEN $1 ELSE live_until_us END,
    spent_until_us = CASE WHEN spent_until_us > $2 THEN $1 ELSE spent_until_us END
WHERE busy_until_us > $2 OR live_until_us > $2 OR spent_until_us > $2
