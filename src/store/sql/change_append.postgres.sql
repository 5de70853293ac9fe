-- The order of the array becomes the order of n.
INSERT INTO changes (tenant_id, change_id, type, actor, subject, body, at_us)
SELECT tenant_id, change_id, kind, actor, subject, body, at_us
FROM ROWS FROM (
    jsonb_to_recordset($1::jsonb)
    AS (
        tenant_id TEXT, change_id TEXT, kind TEXT, actor TEXT, subject TEXT, body TEXT,
        at_us BIGINT
    )
) WITH ORDINALITY
    AS fresh (tenant_id, change_id, kind, actor, subject, body, at_us, place)
ORDER BY place
