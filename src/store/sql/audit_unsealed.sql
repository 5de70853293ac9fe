SELECT tenant_id, audit_id, verb, subject, actor, request_id, detail, at_us, mac, n, link
FROM audit
WHERE n IS NULL AND (audit_id, tenant_id) > ($1, $2)
ORDER BY audit_id, tenant_id
LIMIT $3
