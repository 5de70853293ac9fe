DELETE FROM oauth_trips
WHERE tenant_id = $1 AND session_id = $2
