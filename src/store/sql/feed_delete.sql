DELETE FROM feeds
WHERE tenant_id = $1 AND resource_id = $2 AND feed_id = $3
