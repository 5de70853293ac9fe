-- The newest first, of every tenant and of the hub itself.
SELECT tenant_id, audit_id, verb, subject, actor, request_id, detail, at_us, mac, n, link
FROM audit
WHERE (CAST($1 AS TEXT) IS NULL OR audit_id < $1)
    AND (CAST($2 AS TEXT) IS NULL OR subject = $2)
    AND (CAST($3 AS TEXT) IS NULL OR verb = $3)
ORDER BY audit_id DESC
LIMIT $4
