SELECT value FROM instance WHERE name = $1 FOR SHARE
