DELETE FROM instance WHERE name = $1
