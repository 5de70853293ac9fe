DELETE FROM timeline
WHERE tenant_id = $1 AND subject = $2
    AND (last_us < $3
        OR n <= (SELECT MAX(n) FROM timeline WHERE tenant_id = $1 AND subject = $2) - $4)
