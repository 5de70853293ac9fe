-- Exclusive, in ascending order; nothing is read before.
SELECT pg_advisory_xact_lock(hashtextextended(id, 1))
FROM (SELECT jsonb_array_elements_text($1::jsonb) AS id ORDER BY 1 OFFSET 0) AS sorted
