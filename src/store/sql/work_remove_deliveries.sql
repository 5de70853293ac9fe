-- Of all bookings into one calendar; the subject is `<booking>/<calendar>`.
DELETE FROM work
WHERE tenant_id = $1 AND lane = $2 AND substr(subject, length(subject) - length($3)) = '/' || $3
