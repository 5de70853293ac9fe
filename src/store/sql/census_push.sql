-- Calendars that their provider still lists, by how well it tells of their changes.
SELECT connections.provider AS provider, calendars.push AS push, COUNT(*) AS total
FROM calendars
JOIN connections
    ON connections.tenant_id = calendars.tenant_id AND connections.connection_id = calendars.connection_id
WHERE calendars.listed
GROUP BY connections.provider, calendars.push
