UPDATE idempotency
SET lease_until_us = 0
WHERE status IS NULL AND owner = $1
