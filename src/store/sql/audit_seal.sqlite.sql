UPDATE audit
SET n = fresh.value ->> 'n', link = fresh.value ->> 'link'
FROM json_each($1) AS fresh
WHERE audit.tenant_id = fresh.value ->> 'tenant_id' AND audit.audit_id = fresh.value ->> 'audit_id'
    AND audit.n IS NULL
