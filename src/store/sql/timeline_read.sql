-- A connection's timeline holds those of its calendars; a calendar's holds its connection's own.
SELECT subject, n, kind, body, times, first_us, last_us
FROM timeline
WHERE tenant_id = $1 AND connection_id = $2
    AND ($3 = connection_id OR subject = $3 OR subject = connection_id)
    AND (last_us < $4 OR (last_us = $4 AND (subject > $5 OR (subject = $5 AND n < $6))))
ORDER BY last_us DESC, subject, n DESC
LIMIT $7
