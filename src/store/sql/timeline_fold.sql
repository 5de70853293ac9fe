-- The latest entry of a subject once more: what repeats itself takes no room.
UPDATE timeline
SET times = times + 1, last_us = $5
WHERE tenant_id = $1 AND subject = $2 AND kind = $3 AND body = $4
    AND n = (SELECT MAX(n) FROM timeline WHERE tenant_id = $1 AND subject = $2)
