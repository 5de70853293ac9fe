-- What was done by whom: kept for good, and only added to. Ids and words of the hub, nothing of a person. Whoever acts
-- writes an entry in the act's own transaction; one sealer gives it its place in the chain a little later.
CREATE TABLE audit (
    -- Empty for what concerns the hub as a whole. An entry outlives its tenant.
    tenant_id  TEXT NOT NULL,
    audit_id   TEXT NOT NULL,
    verb       TEXT NOT NULL,
    subject    TEXT NOT NULL,
    actor      TEXT NOT NULL,
    request_id TEXT,
    detail     TEXT NOT NULL,
    at_us      BIGINT NOT NULL,
    -- A keyed hash of all of the above.
    mac        TEXT NOT NULL,
    -- The place in the chain, and a keyed hash of it, of `mac` and of the link before.
    n          BIGINT,
    link       TEXT,
    PRIMARY KEY (tenant_id, audit_id)
);
CREATE INDEX audit_by_id ON audit (audit_id);
CREATE INDEX audit_by_place ON audit (n, audit_id, tenant_id) WHERE n IS NOT NULL;
CREATE INDEX audit_unsealed ON audit (audit_id, tenant_id) WHERE n IS NULL;

-- What operators have stopped. `target` is a provider's word, with no tenant, or `tenant`, or a connection.
CREATE TABLE pauses (
    tenant_id TEXT NOT NULL,
    target    TEXT NOT NULL,
    reads     BOOLEAN NOT NULL,
    writes    BOOLEAN NOT NULL,
    actor     TEXT NOT NULL,
    since_us  BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, target)
);
