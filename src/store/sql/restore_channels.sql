UPDATE channels
SET state = 'closing'
