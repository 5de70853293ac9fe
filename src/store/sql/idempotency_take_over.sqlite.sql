-- $1 (an owner) is PostgreSQL's: here all of them are dead.
UPDATE idempotency
SET lease_until_us = 0
WHERE status IS NULL AND $1 <> ''
