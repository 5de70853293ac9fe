UPDATE work
SET lease_owner = NULL, lease_until_us = NULL
WHERE lease_owner = $1
