SELECT COALESCE(SUM(quarantine ->> 'lost'), 0) AS value
FROM calendars
WHERE quarantine IS NOT NULL
