UPDATE link_sessions
SET connection_id = NULL, linked = NULL, asked = $3
WHERE tenant_id = $1 AND session_id = $2
