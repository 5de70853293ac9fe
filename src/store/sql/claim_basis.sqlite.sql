SELECT
    tenants.policy AS tenant_policy, resources.resource_id, resources.capacity, resources.policy,
    resources.write_to, links.calendar_id, links.blocks, links.policy AS link_policy
FROM resources
JOIN tenants ON tenants.tenant_id = resources.tenant_id
LEFT JOIN resource_calendars AS links
    ON links.tenant_id = resources.tenant_id AND links.resource_id = resources.resource_id
WHERE resources.tenant_id = $1 AND resources.resource_id IN (SELECT value FROM json_each($2))
ORDER BY resources.resource_id, links.place
