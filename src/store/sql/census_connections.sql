SELECT provider, state, COALESCE(last_error, '') AS code, COUNT(*) AS total
FROM connections
GROUP BY provider, state, COALESCE(last_error, '')
