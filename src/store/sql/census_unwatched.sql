SELECT last_error AS code, COUNT(*) AS total
FROM work
WHERE lane = 'watch' AND last_error IS NOT NULL AND last_error <> 'put_off'
GROUP BY last_error
