SELECT
    tenant_id, session_id, hash, browser, mode, connection_id, resource_id, asked, actor, status, reason, linked,
    created_us, expires_us
FROM link_sessions
WHERE tenant_id = $1 AND session_id > $2
ORDER BY session_id
LIMIT $3
