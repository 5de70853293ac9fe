-- For a listing, which leaves alone what hangs on them.
SELECT calendar_id
FROM calendars
WHERE tenant_id = $1 AND connection_id = $2
ORDER BY calendar_id
FOR NO KEY UPDATE
