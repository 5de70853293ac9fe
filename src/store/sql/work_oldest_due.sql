SELECT MIN(due_us) FROM work WHERE lease_owner IS NULL
