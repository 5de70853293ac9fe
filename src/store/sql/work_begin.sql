INSERT INTO work (tenant_id, lane, subject, due_us)
VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, lane, subject) DO NOTHING
