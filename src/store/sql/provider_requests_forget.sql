DELETE FROM provider_requests WHERE day < $1
