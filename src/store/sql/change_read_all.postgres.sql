SELECT tenant_id, txid, n, change_id, type, actor, subject, body, at_us
FROM changes
WHERE (txid, n) > ($1, $2) AND txid < $3
    AND ($4 = '[]' OR type = ANY (ARRAY(SELECT jsonb_array_elements_text($4::jsonb))))
ORDER BY txid, n
LIMIT $5
