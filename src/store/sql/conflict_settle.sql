-- One that has vanished by what was done about it was settled by that.
UPDATE conflicts
SET state = $4, settled_us = $5
WHERE tenant_id = $1 AND booking_id = $2 AND conflict_id = $3
    AND (state = 'open' OR (state = 'gone' AND $4 IN ('accepted', 'reverted')))
