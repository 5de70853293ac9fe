SELECT COUNT(*) AS value
FROM calendars
WHERE quarantine IS NOT NULL
