-- Byte 1 of what is sealed is its form, bytes 2 to 9 the number of the key that sealed it.
SELECT
    (SELECT COUNT(*) FROM connections WHERE tenant_id = $1 AND substr(login, 2, 8) = $2)
    + (SELECT COUNT(*) FROM grants WHERE tenant_id = $1 AND substr(access_token, 2, 8) = $2)
    + (SELECT COUNT(*) FROM provider_apps WHERE tenant_id = $1 AND substr(secret, 2, 8) = $2)
    + (SELECT COUNT(*) FROM bookings WHERE tenant_id = $1 AND substr(details, 2, 8) = $2)
    + (SELECT COUNT(*) FROM idempotency WHERE tenant_id = $1 AND substr(answer, 2, 8) = $2) AS value
