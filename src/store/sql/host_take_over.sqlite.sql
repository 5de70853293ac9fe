-- $1 (an owner) is PostgreSQL's: here all of them are dead.
UPDATE hosts
SET busy_until_us = NULL, live_until_us = NULL
WHERE $1 <> ''
