SELECT tenant_id, feed_id, resource_id, hash, created_us
FROM feeds
WHERE tenant_id = $1 AND resource_id = $2
ORDER BY feed_id
