UPDATE link_sessions
SET browser = $3
WHERE tenant_id = $1 AND session_id = $2 AND browser IS NULL
