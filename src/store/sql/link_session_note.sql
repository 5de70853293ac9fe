UPDATE link_sessions
SET status = $3, reason = $4, linked = COALESCE($5, linked)
WHERE tenant_id = $1 AND session_id = $2
