DELETE FROM link_sessions
WHERE expires_us <= $1
