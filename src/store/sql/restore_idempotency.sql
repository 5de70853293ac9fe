DELETE FROM idempotency
WHERE status IS NULL
