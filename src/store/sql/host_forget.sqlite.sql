DELETE FROM hosts
WHERE (closed_until_us IS NULL OR closed_until_us <= $1)
    AND (busy_until_us IS NULL OR busy_until_us <= $1)
    AND (live_until_us IS NULL OR live_until_us <= $1)
    AND (spent_until_us IS NULL OR spent_until_us <= $1)
