SELECT calendar_id
FROM calendars
WHERE touched_us > $1
ORDER BY calendar_id
FOR NO KEY UPDATE
