-- What was asked may hold a person's address.
DELETE FROM link_sessions
WHERE tenant_id = $1 AND (connection_id = $2 OR linked = $2)
