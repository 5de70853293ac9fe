INSERT INTO feeds (tenant_id, feed_id, resource_id, hash, created_us)
VALUES ($1, $2, $3, $4, $5)
