INSERT INTO audit (tenant_id, audit_id, verb, subject, actor, request_id, detail, at_us, mac)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
