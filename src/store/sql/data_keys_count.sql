SELECT COUNT(*) FROM data_keys
