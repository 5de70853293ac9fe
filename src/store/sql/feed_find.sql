-- Without a tenant: the address is all that its reader has.
SELECT tenant_id, feed_id, resource_id, hash, created_us
FROM feeds
WHERE feed_id = $1
ORDER BY tenant_id
