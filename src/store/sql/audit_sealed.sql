-- By place; two that claim one place both come.
SELECT tenant_id, audit_id, verb, subject, actor, request_id, detail, at_us, mac, n, link
FROM audit
WHERE n IS NOT NULL AND (n, audit_id, tenant_id) > ($1, $2, $3)
ORDER BY n, audit_id, tenant_id
LIMIT $4
