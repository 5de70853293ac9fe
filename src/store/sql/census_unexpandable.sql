-- 8 is BusyClass::Unexpandable.
SELECT COUNT(*) AS value
FROM busy
WHERE class = 8
