-- $1 (an owner) is PostgreSQL's: here all of them are dead.
UPDATE work
SET lease_owner = NULL, lease_until_us = NULL
WHERE lease_owner IS NOT NULL AND $1 <> ''
