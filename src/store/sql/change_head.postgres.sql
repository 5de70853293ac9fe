-- Every transaction below the oldest running one has ended, and n begins at 1.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS txid, CAST(0 AS BIGINT) AS n
