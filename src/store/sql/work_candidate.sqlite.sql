-- The row that is due longest of the first tenant after $3 that has one: tenants take turns, so that one with very many
-- keeps no other waiting. What talks to a host that is busy or closed is passed over. $4 asks for what did not fail
-- last time, or for what did. $5 has claimed what is its own already.
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
)
SELECT mine.tenant_id, mine.lane, mine.subject, mine.host
FROM round
CROSS JOIN work AS mine
WHERE mine.rowid = (
    SELECT work.rowid
    FROM work
    LEFT JOIN hosts ON hosts.host = work.host
    WHERE work.tenant_id = round.tenant_id AND work.lane = $1 AND work.due_us <= $2
        AND (COALESCE(work.last_error, 'put_off') = 'put_off') = $4
        AND work.lease_owner IS DISTINCT FROM $5
        AND (work.lease_until_us IS NULL OR work.lease_until_us <= $2)
        AND (hosts.busy_until_us IS NULL OR hosts.busy_until_us <= $2)
        AND (hosts.closed_until_us IS NULL OR hosts.closed_until_us <= $2)
    ORDER BY work.due_us
    LIMIT 1
)
LIMIT 1
