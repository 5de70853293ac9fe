SELECT state, COUNT(*) AS total, MIN(asked_us) AS oldest_us
FROM outbox
WHERE state IN ('pending', 'conflict', 'failed')
GROUP BY state
