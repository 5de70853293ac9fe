-- How much of its time is over by now nobody can tell: it gets all of it again.
UPDATE hosts
SET closed_until_us = $1 + (closed_until_us - closed_us), closed_us = $1
WHERE closed_us > $2
