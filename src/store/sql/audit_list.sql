-- The newest first.
SELECT tenant_id, audit_id, verb, subject, actor, request_id, detail, at_us, mac, n, link
FROM audit
WHERE tenant_id = $1
    AND (CAST($2 AS TEXT) IS NULL OR audit_id < $2)
    AND (CAST($3 AS TEXT) IS NULL OR subject = $3)
    AND (CAST($4 AS TEXT) IS NULL OR verb = $4)
ORDER BY audit_id DESC
LIMIT $5
