INSERT INTO work (tenant_id, lane, subject, due_us)
VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, lane, subject) DO UPDATE
SET due_us = excluded.due_us
WHERE work.due_us > excluded.due_us
