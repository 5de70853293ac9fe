-- Names lead: as a subquery of IN they are compared with every row while the tables have no statistics, and looked up
-- one by one (see busy_of_series) the planner takes the index by series as gladly as the one by item.
SELECT DISTINCT events.item, events.series AS value
FROM jsonb_array_elements_text($3::jsonb) AS wanted (item)
JOIN events ON events.item = wanted.item
WHERE events.tenant_id = $1 AND events.calendar_id = $2
