-- One hub migrates at a time; the number only has to be the same everywhere.
SELECT pg_advisory_xact_lock(4832075)
