-- Instants are microseconds since 1970 UTC. `tenant_id` leads every key. JSON is text.

CREATE TABLE instance (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE tenants (
    tenant_id  TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    policy     TEXT NOT NULL DEFAULT '{}',
    allow_net  TEXT,
    created_us BIGINT NOT NULL
);

-- One data key a tenant, sealed by the key-encryption key.
CREATE TABLE data_keys (
    tenant_id  TEXT NOT NULL REFERENCES tenants ON DELETE CASCADE,
    data_key   BIGINT NOT NULL,
    sealed     BLOB NOT NULL,
    created_us BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, data_key)
);

CREATE TABLE api_keys (
    tenant_id  TEXT NOT NULL REFERENCES tenants ON DELETE CASCADE,
    key_id     TEXT NOT NULL,
    name       TEXT NOT NULL,
    hash       BLOB NOT NULL,
    scopes     TEXT NOT NULL,
    created_us BIGINT NOT NULL,
    expires_us BIGINT,
    PRIMARY KEY (tenant_id, key_id)
);
-- Not unique, and the one look-up without a tenant: it is how a key tells its tenant.
CREATE INDEX api_keys_by_key ON api_keys (key_id);

CREATE TABLE connections (
    tenant_id     TEXT NOT NULL REFERENCES tenants ON DELETE CASCADE,
    connection_id TEXT NOT NULL,
    provider      TEXT NOT NULL,
    identity      TEXT NOT NULL,
    account_label TEXT NOT NULL,
    external_id   TEXT,
    access        TEXT NOT NULL,
    state         TEXT NOT NULL,
    login         BLOB NOT NULL,
    learned       TEXT NOT NULL DEFAULT 'null',
    metadata      TEXT NOT NULL DEFAULT '{}',
    last_ok_us    BIGINT,
    last_error    TEXT,
    failures      BIGINT NOT NULL DEFAULT 0,
    revision      BIGINT NOT NULL DEFAULT 1,
    created_us    BIGINT NOT NULL,
    touched_us    BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, connection_id)
);
CREATE UNIQUE INDEX connections_by_identity ON connections (tenant_id, provider, identity);
CREATE UNIQUE INDEX connections_by_external_id ON connections (tenant_id, external_id);

CREATE TABLE calendars (
    tenant_id          TEXT NOT NULL,
    calendar_id        TEXT NOT NULL,
    connection_id      TEXT NOT NULL,
    provider_ref       TEXT NOT NULL,
    name               TEXT NOT NULL,
    time_zone          TEXT,
    time_zone_set      TEXT,
    writable           BOOLEAN NOT NULL,
    transparent        BOOLEAN NOT NULL,
    listed             BOOLEAN NOT NULL DEFAULT TRUE,
    read_cursor        TEXT,
    generation         BIGINT NOT NULL DEFAULT 0,
    initial_sync       TEXT NOT NULL DEFAULT 'pending',
    synced_us          BIGINT,
    published_us       BIGINT,
    full_us            BIGINT,
    covered_from_us    BIGINT,
    covered_until_us   BIGINT,
    poll_every_s       BIGINT NOT NULL,
    expected_max_age_s BIGINT NOT NULL,
    failures           BIGINT NOT NULL DEFAULT 0,
    last_error         TEXT,
    quarantine         TEXT,
    revision           BIGINT NOT NULL DEFAULT 1,
    -- How well the provider tells of changes; when it last did.
    push               TEXT NOT NULL DEFAULT 'none',
    heard_us           BIGINT,
    created_us         BIGINT NOT NULL,
    touched_us         BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, calendar_id),
    FOREIGN KEY (tenant_id, connection_id) REFERENCES connections ON DELETE CASCADE
);
CREATE UNIQUE INDEX calendars_by_ref ON calendars (tenant_id, connection_id, provider_ref);
CREATE INDEX calendars_by_touch ON calendars (touched_us);
-- Few, and counted often.
CREATE INDEX calendars_failing ON calendars (last_error) WHERE failures > 0;
CREATE INDEX calendars_quarantined ON calendars (tenant_id, calendar_id)
    WHERE quarantine IS NOT NULL;

-- How often the provider was asked on behalf of a calendar: thousandths of requests a UTC day, because one
-- listing serves several calendars. Kept for two days.
CREATE TABLE provider_requests (
    tenant_id   TEXT NOT NULL,
    calendar_id TEXT NOT NULL,
    day         BIGINT NOT NULL,
    provider    TEXT NOT NULL,
    milli       BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, calendar_id, day),
    FOREIGN KEY (tenant_id, calendar_id) REFERENCES calendars ON DELETE CASCADE
) WITHOUT ROWID;

-- One provider item (a CalDAV resource, a feed's UID): its version, and its components as the hub keeps them.
CREATE TABLE events (
    tenant_id   TEXT NOT NULL,
    calendar_id TEXT NOT NULL,
    item        TEXT NOT NULL,
    series      TEXT NOT NULL,
    version     TEXT,
    body        TEXT NOT NULL,
    faults      TEXT,
    -- By which words it says that a hub has written it, where it does.
    origin      TEXT,
    touched_us  BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, calendar_id, item),
    FOREIGN KEY (tenant_id, calendar_id) REFERENCES calendars ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX events_by_series ON events (tenant_id, calendar_id, series);
-- Asked for with every delta; connectors::Version::UNREAD.
CREATE INDEX events_unread ON events (tenant_id, calendar_id) WHERE substr(version, 1, 7) = 'unread:';
CREATE INDEX events_by_origin ON events (tenant_id, calendar_id, origin) WHERE origin IS NOT NULL;

CREATE TABLE busy (
    tenant_id   TEXT NOT NULL,
    calendar_id TEXT NOT NULL,
    series      TEXT NOT NULL,
    start_us    BIGINT NOT NULL,
    end_us      BIGINT NOT NULL,
    class       SMALLINT NOT NULL,
    PRIMARY KEY (tenant_id, calendar_id, series, start_us, end_us, class),
    FOREIGN KEY (tenant_id, calendar_id) REFERENCES calendars ON DELETE CASCADE
) WITHOUT ROWID;
-- 8 is BusyClass::Unexpandable.
CREATE INDEX busy_unexpandable ON busy (tenant_id, calendar_id) WHERE class = 8;

CREATE TABLE resources (
    tenant_id          TEXT NOT NULL REFERENCES tenants ON DELETE CASCADE,
    resource_id        TEXT NOT NULL,
    external_id        TEXT,
    name               TEXT NOT NULL,
    time_zone          TEXT NOT NULL,
    capacity           BIGINT NOT NULL,
    write_to           TEXT,
    policy             TEXT NOT NULL DEFAULT '{}',
    event_template     TEXT NOT NULL,
    on_provider_move   TEXT NOT NULL,
    on_provider_delete TEXT NOT NULL,
    metadata           TEXT NOT NULL DEFAULT '{}',
    revision           BIGINT NOT NULL DEFAULT 1,
    created_us         BIGINT NOT NULL,
    touched_us         BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, resource_id)
);
CREATE UNIQUE INDEX resources_by_external_id ON resources (tenant_id, external_id);
CREATE INDEX resources_by_write_to ON resources (tenant_id, write_to) WHERE write_to IS NOT NULL;

CREATE TABLE resource_calendars (
    tenant_id   TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    calendar_id TEXT NOT NULL,
    place       BIGINT NOT NULL,
    blocks      BOOLEAN NOT NULL,
    policy      TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant_id, resource_id, calendar_id),
    FOREIGN KEY (tenant_id, resource_id) REFERENCES resources ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, calendar_id) REFERENCES calendars ON DELETE CASCADE
);
CREATE INDEX resource_calendars_by_calendar ON resource_calendars (tenant_id, calendar_id);

-- Secret free/busy addresses of a resource.
CREATE TABLE feeds (
    tenant_id   TEXT NOT NULL,
    feed_id     TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    hash        BLOB NOT NULL,
    created_us  BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, feed_id),
    FOREIGN KEY (tenant_id, resource_id) REFERENCES resources ON DELETE CASCADE
);
CREATE INDEX feeds_by_feed ON feeds (feed_id);
CREATE INDEX feeds_by_resource ON feeds (tenant_id, resource_id);

-- The change log. SQLite has one writer, so the row number is the commit order.
CREATE TABLE changes (
    n          INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id  TEXT NOT NULL,
    txid       BIGINT NOT NULL DEFAULT 0,
    change_id  TEXT NOT NULL,
    type       TEXT NOT NULL,
    actor      TEXT NOT NULL,
    subject    TEXT NOT NULL,
    body       TEXT NOT NULL,
    at_us      BIGINT NOT NULL
);
CREATE INDEX changes_by_tenant ON changes (tenant_id, txid, n);

-- What happened to calendars and connections, for support; bounded, and equal entries in a row count up.
CREATE TABLE timeline (
    tenant_id     TEXT NOT NULL,
    subject       TEXT NOT NULL,
    n             BIGINT NOT NULL,
    connection_id TEXT NOT NULL,
    kind          TEXT NOT NULL,
    body          TEXT NOT NULL,
    times         BIGINT NOT NULL,
    first_us      BIGINT NOT NULL,
    last_us       BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, subject, n),
    FOREIGN KEY (tenant_id, connection_id) REFERENCES connections ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX timeline_by_connection ON timeline (tenant_id, connection_id, last_us);

-- Due work: one row a (lane, subject). A nudge only counts up; nothing else is ever an input.
CREATE TABLE work (
    tenant_id      TEXT NOT NULL REFERENCES tenants ON DELETE CASCADE,
    lane           TEXT NOT NULL,
    subject        TEXT NOT NULL,
    due_us         BIGINT NOT NULL,
    nudges         BIGINT NOT NULL DEFAULT 0,
    attempts       BIGINT NOT NULL DEFAULT 0,
    demand         TEXT,
    demand_nudge   BIGINT NOT NULL DEFAULT 0,
    lease_owner    TEXT,
    lease_until_us BIGINT,
    fence          BIGINT NOT NULL DEFAULT 0,
    last_error     TEXT,
    -- Whom it talks to: a key into `hosts`, once known.
    host           TEXT,
    PRIMARY KEY (tenant_id, lane, subject)
);
-- By whether it is sound: very many rows that are due must not hide the few that failed, nor the other way round.
CREATE INDEX work_by_due ON work (lane, (COALESCE(last_error, 'put_off') = 'put_off'), due_us);
CREATE INDEX work_by_turn ON work (lane, tenant_id, (COALESCE(last_error, 'put_off') = 'put_off'), due_us);
CREATE INDEX work_by_lease ON work (lane, lease_until_us) WHERE lease_until_us IS NOT NULL;

-- Politeness towards hosts, shared by all hubs and by all tenants: a row names a host only by a keyed hash.
CREATE TABLE hosts (
    host            TEXT PRIMARY KEY,
    closed_until_us INTEGER,
    closed_us       INTEGER,
    busy_owner      TEXT,
    busy_until_us   INTEGER,
    live_owner      TEXT,
    live_until_us   INTEGER,
    -- How far ahead its budget of requests is spent.
    spent_until_us  INTEGER
);

CREATE TABLE idempotency (
    tenant_id      TEXT NOT NULL REFERENCES tenants ON DELETE CASCADE,
    route          TEXT NOT NULL,
    key            TEXT NOT NULL,
    body_hash      BLOB NOT NULL,
    status         BIGINT,
    answer         BLOB,
    lease_until_us BIGINT,
    owner          TEXT,
    created_us     BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, route, key)
);
CREATE INDEX idempotency_by_age ON idempotency (created_us);
