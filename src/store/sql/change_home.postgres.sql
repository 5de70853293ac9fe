SELECT control.system_identifier::text || '/' || pg_database.oid::text AS value
FROM pg_control_system() AS control
CROSS JOIN pg_database
WHERE pg_database.datname = current_database()
