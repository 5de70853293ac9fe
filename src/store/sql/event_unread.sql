SELECT item, version AS value
FROM events
WHERE tenant_id = $1 AND calendar_id = $2 AND substr(version, 1, 7) = 'unread:'
