-- What SQLite's planner is told of the tables, in place of what ANALYZE would find in them now: that one tenant may hold
-- everything, so that to know the tenant is to know nothing. By its own guess, an index that begins with tenant_id leads
-- to ten rows, and it reads everything of a tenant rather than sort.
ANALYZE instance;
DELETE FROM sqlite_stat1;
INSERT INTO sqlite_stat1 (tbl, idx, stat)
WITH parts AS (
    SELECT tables.name AS tbl, indexes.name AS idx, indexes.partial, columns.seqno,
        tables.wr AND indexes.origin = 'pk' AS is_table,
        columns.seqno = 0 AND columns.name IN ('tenant_id', 'lane', 'state', 'provider') AS is_wide,
        indexes."unique"
            AND columns.seqno = MAX(columns.seqno) OVER (PARTITION BY tables.name, indexes.name) AS is_one
    FROM pragma_table_list AS tables
    CROSS JOIN pragma_index_list(tables.name) AS indexes
    CROSS JOIN pragma_index_info(indexes.name) AS columns
    WHERE tables.schema = 'main' AND tables.type = 'table' AND tables.name NOT GLOB 'sqlite_*'
)
SELECT tbl, CASE WHEN is_table THEN tbl ELSE idx END,
    CASE WHEN partial THEN '100000' ELSE '10000000' END || group_concat(
        CASE
            WHEN is_one THEN ' 1'
            WHEN is_wide THEN CASE WHEN partial THEN ' 10000' ELSE ' 1000000' END
            ELSE ' ' || MAX(10 - seqno, 2)
        END,
        '' ORDER BY seqno
    )
FROM parts
GROUP BY tbl, idx, partial, is_table;
-- Has this connection read them.
ANALYZE sqlite_schema;
