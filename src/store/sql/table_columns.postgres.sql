SELECT CAST(column_name AS TEXT) AS name, CAST(data_type AS TEXT) AS type
FROM information_schema.columns
WHERE table_schema = current_schema() AND table_name = $1
ORDER BY ordinal_position
