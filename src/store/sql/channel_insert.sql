INSERT INTO channels (tenant_id, channel_id, calendar_id, state, created_us)
VALUES ($1, $2, $3, 'opening', $4)
