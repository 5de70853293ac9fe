UPDATE audit
SET n = fresh.n, link = fresh.link
FROM jsonb_to_recordset($1::jsonb) AS fresh (tenant_id TEXT, audit_id TEXT, n BIGINT, link TEXT)
WHERE audit.tenant_id = fresh.tenant_id AND audit.audit_id = fresh.audit_id AND audit.n IS NULL
