SELECT kind AS code, COUNT(*) AS total FROM drift GROUP BY kind
