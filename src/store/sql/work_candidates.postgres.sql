-- Tenants take turns, from the one after $3: each gives its longest due rows, so that one with very many
-- keeps no other waiting. What talks to a host that is busy or closed is passed over. $5 asks for
-- what did not fail last time, for what did, or for both.
WITH RECURSIVE round AS (
    SELECT (
        SELECT tenant_id FROM work WHERE lane = $1 AND tenant_id > $3 ORDER BY tenant_id LIMIT 1
    ) AS tenant_id, 1 AS nth
    UNION ALL
    SELECT (
        SELECT next.tenant_id
        FROM work AS next
        WHERE next.lane = $1 AND next.tenant_id > round.tenant_id
        ORDER BY next.tenant_id
        LIMIT 1
    ), round.nth + 1
    FROM round
    WHERE round.tenant_id IS NOT NULL
),
found AS MATERIALIZED (
    SELECT mine.tenant_id, mine.lane, mine.subject, mine.host, mine.due_us, round.nth
    FROM round
    CROSS JOIN LATERAL (
        SELECT work.tenant_id, work.lane, work.subject, work.host, work.due_us
        FROM work
        LEFT JOIN hosts ON hosts.host = work.host
        WHERE work.tenant_id = round.tenant_id AND work.lane = $1 AND work.due_us <= $2
            AND (COALESCE(work.last_error, 'put_off') = 'put_off') = ANY (ARRAY(SELECT value::boolean FROM jsonb_array_elements_text($5::jsonb)))
            AND (work.lease_until_us IS NULL OR work.lease_until_us <= CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000000 AS BIGINT))
            AND (hosts.busy_until_us IS NULL OR hosts.busy_until_us <= CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000000 AS BIGINT))
            AND (hosts.closed_until_us IS NULL OR hosts.closed_until_us <= $2)
        ORDER BY work.due_us
        LIMIT $4
        FOR UPDATE OF work SKIP LOCKED
    ) AS mine
    LIMIT CAST($4 AS BIGINT) * $4
)
SELECT tenant_id, lane, subject, host
FROM (
    SELECT found.*, ROW_NUMBER() OVER (PARTITION BY nth ORDER BY due_us) AS turn FROM found
) AS in_turn
ORDER BY turn, nth
LIMIT $4
