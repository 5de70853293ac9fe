INSERT INTO work (tenant_id, lane, subject, due_us, nudges, demand, demand_nudge)
VALUES ($1, $2, $3, $4, 1, $5, 1)
ON CONFLICT (tenant_id, lane, subject) DO UPDATE
SET nudges = work.nudges + 1,
    due_us = CASE WHEN work.due_us < excluded.due_us THEN work.due_us ELSE excluded.due_us END,
    demand = COALESCE(excluded.demand, work.demand),
    demand_nudge = CASE
        WHEN excluded.demand IS NULL THEN work.demand_nudge
        ELSE work.nudges + 1
    END
