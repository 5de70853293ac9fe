SELECT count(*) AS value
FROM tenants
