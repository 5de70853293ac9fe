UPDATE work
SET lease_owner = NULL, lease_until_us = NULL, attempts = 0, due_us = $1
