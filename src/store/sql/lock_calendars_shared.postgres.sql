-- What ingest takes exclusively (calendar_lock), in ascending order.
SELECT pg_advisory_xact_lock_shared(hashtextextended(id, 0))
FROM (SELECT jsonb_array_elements_text($1::jsonb) AS id ORDER BY 1 OFFSET 0) AS sorted
