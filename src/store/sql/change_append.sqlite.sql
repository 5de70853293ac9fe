INSERT INTO changes (tenant_id, change_id, type, actor, subject, body, at_us)
SELECT value ->> 'tenant_id', value ->> 'change_id', value ->> 'kind', value ->> 'actor',
    value ->> 'subject', value ->> 'body', value ->> 'at_us'
FROM json_each($1)
ORDER BY key
