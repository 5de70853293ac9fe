-- Tenants take turns, from the one after $3: each gives its longest due rows, so that one with very many
-- keeps no other waiting. What talks to a host that is busy or closed is passed over.
WITH RECURSIVE round AS (
    SELECT (
        SELECT tenant_id FROM work WHERE lane = $1 AND tenant_id > $3 ORDER BY tenant_id LIMIT 1
    ) AS tenant_id
    UNION ALL
    SELECT (
        SELECT next.tenant_id
        FROM work AS next
        WHERE next.lane = $1 AND next.tenant_id > round.tenant_id
        ORDER BY next.tenant_id
        LIMIT 1
    )
    FROM round
    WHERE round.tenant_id IS NOT NULL
),
turn AS MATERIALIZED (
    SELECT round.tenant_id
    FROM round
    WHERE round.tenant_id IS NOT NULL AND EXISTS (
        SELECT 1
        FROM work
        LEFT JOIN hosts ON hosts.host = work.host
        WHERE work.tenant_id = round.tenant_id AND work.lane = $1 AND work.due_us <= $2
        AND (work.lease_until_us IS NULL OR work.lease_until_us <= $2)
        AND (hosts.busy_until_us IS NULL OR hosts.busy_until_us <= $2)
        AND (hosts.closed_until_us IS NULL OR hosts.closed_until_us <= $2)
    )
    LIMIT $4
)
SELECT mine.tenant_id, mine.lane, mine.subject, mine.host
FROM turn
JOIN work AS mine ON mine.rowid IN (
    SELECT work.rowid
    FROM work
    LEFT JOIN hosts ON hosts.host = work.host
    WHERE work.tenant_id = turn.tenant_id AND work.lane = $1 AND work.due_us <= $2
        AND (work.lease_until_us IS NULL OR work.lease_until_us <= $2)
        AND (hosts.busy_until_us IS NULL OR hosts.busy_until_us <= $2)
        AND (hosts.closed_until_us IS NULL OR hosts.closed_until_us <= $2)
    ORDER BY work.due_us
    LIMIT (SELECT 1 + ($4 - 1) / COUNT(*) FROM turn)
)
ORDER BY mine.due_us
LIMIT $4
