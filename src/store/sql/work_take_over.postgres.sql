-- An owner is a hub's name and the number of its claim.
UPDATE work
SET lease_owner = NULL, lease_until_us = NULL
WHERE split_part(lease_owner, '.', 1) = $1
