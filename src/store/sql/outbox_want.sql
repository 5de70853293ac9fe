-- What is wanted changes; what is there stays as it was found.
INSERT INTO outbox (
    tenant_id, booking_id, calendar_id, present, wanted, start_us, end_us, state, asked_us, touched_us
)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'pending', $8, $8)
ON CONFLICT (tenant_id, booking_id, calendar_id) DO UPDATE
SET present = excluded.present, wanted = excluded.wanted, start_us = excluded.start_us,
    end_us = excluded.end_us, state = 'pending',
    asked_us = excluded.asked_us, touched_us = excluded.touched_us
