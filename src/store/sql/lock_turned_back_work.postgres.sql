SELECT subject
FROM work
WHERE lease_until_us > $2
    OR (due_us > $1
        AND (tenant_id, subject) IN (
            SELECT tenant_id, calendar_id FROM calendars WHERE touched_us > $2
            UNION ALL
            SELECT tenant_id, connection_id FROM calendars WHERE touched_us > $2
        ))
ORDER BY lane IN ('advance', 'pull'), subject, lane
FOR NO KEY UPDATE
