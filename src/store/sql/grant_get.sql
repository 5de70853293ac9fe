SELECT access_token, expires_us, renew_us, scope, lease_owner, lease_until_us, given_us, ends_us,
    ended_us
FROM grants
WHERE tenant_id = $1 AND connection_id = $2
