INSERT INTO resource_calendars (tenant_id, resource_id, calendar_id, place, blocks, policy)
SELECT $1, $2, calendar_id, place, blocks, policy
FROM jsonb_to_recordset($3::jsonb)
    AS link (calendar_id TEXT, place BIGINT, blocks BOOLEAN, policy TEXT)
