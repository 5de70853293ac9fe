-- No lease is that long. Whoever has it still loses it by its fence.
UPDATE work
SET lease_until_us = $1
WHERE lease_until_us > $2
