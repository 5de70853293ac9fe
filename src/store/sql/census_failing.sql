SELECT COALESCE(last_error, '') AS code, COUNT(*) AS total
FROM calendars
WHERE failures > 0
GROUP BY COALESCE(last_error, '')
