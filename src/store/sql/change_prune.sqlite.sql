-- $1 (a transaction id) is PostgreSQL's.
DELETE FROM changes
WHERE n <= $2 AND $1 >= 0
