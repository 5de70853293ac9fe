SELECT CAST(COALESCE(SUM(CAST(quarantine::json ->> 'lost' AS BIGINT)), 0) AS BIGINT) AS value
FROM calendars
WHERE quarantine IS NOT NULL
