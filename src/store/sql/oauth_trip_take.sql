DELETE FROM oauth_trips
WHERE hash = $1
RETURNING tenant_id, session_id, hash, provider, client_id, redirect, access, connection_id, expires_us
