INSERT INTO pauses (tenant_id, target, reads, writes, actor, since_us)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (tenant_id, target) DO UPDATE SET reads = excluded.reads, writes = excluded.writes
