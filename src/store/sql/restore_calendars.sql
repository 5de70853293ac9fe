UPDATE calendars
SET read_cursor = NULL, expected_max_age_s = 0, push = 'none', touched_us = $1
