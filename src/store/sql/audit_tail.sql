SELECT COUNT(*) AS total, MIN(at_us) AS oldest_us FROM audit WHERE n IS NULL
