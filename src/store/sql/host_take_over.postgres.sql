UPDATE hosts
SET busy_until_us = CASE WHEN split_part(busy_owner, '.', 1) = $1 THEN NULL ELSE busy_until_us END,
    live_until_us = CASE WHEN split_part(live_owner, '.', 1) = $1 THEN NULL ELSE live_until_us END
WHERE split_part(busy_owner, '.', 1) = $1 OR split_part(live_owner, '.', 1) = $1
