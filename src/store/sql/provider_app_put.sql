INSERT INTO provider_apps (tenant_id, provider, client_id, secret, touched_us, cloud, directory)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (tenant_id, provider) DO UPDATE
SET client_id = excluded.client_id, secret = excluded.secret, touched_us = excluded.touched_us,
    cloud = excluded.cloud, directory = excluded.directory
