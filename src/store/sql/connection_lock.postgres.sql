SELECT 1 FROM connections WHERE tenant_id = $1 AND connection_id = $2 FOR NO KEY UPDATE
