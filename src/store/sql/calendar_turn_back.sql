UPDATE calendars
SET touched_us = $1
WHERE touched_us > $2
