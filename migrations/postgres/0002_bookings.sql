-- Equality of texts and numbers beside overlap in one index; part of PostgreSQL's own distribution.
CREATE EXTENSION IF NOT EXISTS btree_gist;

-- Time that is taken of a resource by a hold or a booking: one row each while it is taken, none afterwards.
-- No two of one seat overlap, whoever writes them.
CREATE TABLE claims (
    tenant_id   TEXT NOT NULL REFERENCES tenants ON DELETE CASCADE,
    resource_id TEXT NOT NULL,
    claim_id    TEXT NOT NULL,
    seat        BIGINT NOT NULL,
    start_us    BIGINT NOT NULL,
    end_us      BIGINT NOT NULL,
    expires_us  BIGINT,
    PRIMARY KEY (tenant_id, claim_id, resource_id),
    FOREIGN KEY (tenant_id, resource_id) REFERENCES resources,
    CHECK (start_us < end_us),
    CONSTRAINT claims_do_not_overlap EXCLUDE USING gist (tenant_id WITH =, resource_id WITH =, seat WITH =, int8range(start_us, end_us) WITH &&)
);
CREATE INDEX claims_by_expiry ON claims (tenant_id, resource_id, expires_us) WHERE expires_us IS NOT NULL;

CREATE TABLE holds (
    tenant_id   TEXT NOT NULL REFERENCES tenants ON DELETE CASCADE,
    hold_id     TEXT NOT NULL,
    external_id TEXT,
    state       TEXT NOT NULL,
    resources   TEXT NOT NULL,
    start_us    BIGINT NOT NULL,
    end_us      BIGINT NOT NULL,
    expires_us  BIGINT NOT NULL,
    booking_id  TEXT,
    metadata    TEXT NOT NULL DEFAULT '{}',
    revision    BIGINT NOT NULL DEFAULT 1,
    created_us  BIGINT NOT NULL,
    touched_us  BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, hold_id)
);
CREATE UNIQUE INDEX holds_by_external_id ON holds (tenant_id, external_id);
CREATE INDEX holds_by_expiry ON holds (expires_us) WHERE state = 'held';

-- What was agreed. `details` are what a person would recognise it by, sealed.
CREATE TABLE bookings (
    tenant_id   TEXT NOT NULL REFERENCES tenants ON DELETE CASCADE,
    booking_id  TEXT NOT NULL,
    external_id TEXT,
    status      TEXT NOT NULL,
    resources   TEXT NOT NULL,
    start_us    BIGINT NOT NULL,
    end_us      BIGINT NOT NULL,
    time_zone   TEXT,
    details     BYTEA NOT NULL,
    metadata    TEXT NOT NULL DEFAULT '{}',
    verified    BOOLEAN NOT NULL,
    revision    BIGINT NOT NULL DEFAULT 1,
    created_us  BIGINT NOT NULL,
    touched_us  BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, booking_id)
);
CREATE UNIQUE INDEX bookings_by_external_id ON bookings (tenant_id, external_id);
CREATE INDEX bookings_by_start ON bookings (tenant_id, start_us);

-- What became of a booking, in order.
CREATE TABLE booking_history (
    tenant_id  TEXT NOT NULL,
    booking_id TEXT NOT NULL,
    n          BIGINT NOT NULL,
    kind       TEXT NOT NULL,
    actor      TEXT NOT NULL,
    body       TEXT NOT NULL,
    at_us      BIGINT NOT NULL,
    -- The request under an `Idempotency-Key` that did it: who asks again does not have it done again.
    request    TEXT,
    PRIMARY KEY (tenant_id, booking_id, n),
    FOREIGN KEY (tenant_id, booking_id) REFERENCES bookings ON DELETE CASCADE
);

-- What a calendar should hold for a booking, and what was last written there. State, not commands.
CREATE TABLE outbox (
    tenant_id        TEXT NOT NULL,
    booking_id       TEXT NOT NULL,
    calendar_id      TEXT NOT NULL,
    -- Whether there should be an event at all, and the booking's revision that it should show.
    present          BOOLEAN NOT NULL,
    wanted           BIGINT NOT NULL,
    start_us         BIGINT NOT NULL,
    end_us           BIGINT NOT NULL,
    state            TEXT NOT NULL,
    generation       BIGINT NOT NULL DEFAULT 0,
    -- What was last seen to stand there: a revision of the booking, and its time.
    written          BIGINT,
    written_start_us BIGINT,
    written_end_us   BIGINT,
    -- What was sent since, and nobody knows whether it arrived.
    sent             BIGINT,
    sent_start_us    BIGINT,
    sent_end_us      BIGINT,
    -- A keyed hash of the words that were last written: those that a person gives instead are kept until ours change.
    words            TEXT,
    sent_words       TEXT,
    item             TEXT,
    -- The state of the event that was last looked at; none when somebody else has changed it since.
    version          TEXT,
    last_error       TEXT,
    -- Since when it waits for what is wanted now.
    asked_us         BIGINT NOT NULL,
    touched_us       BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, booking_id, calendar_id),
    FOREIGN KEY (tenant_id, booking_id) REFERENCES bookings ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, calendar_id) REFERENCES calendars ON DELETE CASCADE
);
CREATE INDEX outbox_by_item ON outbox (tenant_id, calendar_id, item);
CREATE INDEX outbox_by_time ON outbox (tenant_id, calendar_id, end_us);
CREATE INDEX outbox_unsettled ON outbox (state, asked_us) WHERE state IN ('pending', 'conflict', 'failed');
CREATE INDEX outbox_by_state ON outbox (tenant_id, state, touched_us);

-- Every try at a row of the outbox: what was sent, in words, and what was answered.
CREATE TABLE attempts (
    tenant_id   TEXT NOT NULL,
    booking_id  TEXT NOT NULL,
    calendar_id TEXT NOT NULL,
    n           BIGINT NOT NULL,
    verb        TEXT NOT NULL,
    outcome     TEXT NOT NULL,
    status      BIGINT,
    detail      TEXT,
    at_us       BIGINT NOT NULL,
    took_us     BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, booking_id, calendar_id, n),
    FOREIGN KEY (tenant_id, booking_id, calendar_id) REFERENCES outbox ON DELETE CASCADE
);

-- Where a calendar says something else than what was agreed, once for each pair.
CREATE TABLE conflicts (
    tenant_id   TEXT NOT NULL,
    booking_id  TEXT NOT NULL,
    conflict_id TEXT NOT NULL,
    calendar_id TEXT NOT NULL,
    kind        TEXT NOT NULL,
    pair        TEXT NOT NULL,
    state       TEXT NOT NULL,
    -- What the resource wants done about it without asking anybody; `flag` is nothing.
    policy      TEXT NOT NULL,
    likely_copy BOOLEAN NOT NULL,
    start_us    BIGINT,
    end_us      BIGINT,
    found_us    BIGINT NOT NULL,
    settled_us  BIGINT,
    PRIMARY KEY (tenant_id, booking_id, conflict_id),
    FOREIGN KEY (tenant_id, booking_id) REFERENCES bookings ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, calendar_id) REFERENCES calendars ON DELETE CASCADE
);
CREATE INDEX conflicts_by_calendar ON conflicts (tenant_id, calendar_id);
CREATE UNIQUE INDEX conflicts_by_pair ON conflicts (tenant_id, booking_id, pair);
CREATE INDEX conflicts_to_settle ON conflicts (found_us) WHERE state = 'open' AND policy <> 'flag';

-- Where a calendar holds something else than its bookings want, as it was found last; empty texts where there is no
-- booking or no event.
CREATE TABLE drift (
    tenant_id   TEXT NOT NULL,
    calendar_id TEXT NOT NULL,
    kind        TEXT NOT NULL,
    booking_id  TEXT NOT NULL,
    item        TEXT NOT NULL,
    act         TEXT,
    found_us    BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, calendar_id, kind, booking_id, item),
    FOREIGN KEY (tenant_id, calendar_id) REFERENCES calendars ON DELETE CASCADE
);
