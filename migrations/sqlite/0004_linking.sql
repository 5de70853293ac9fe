-- A tenant's own OAuth clients.
CREATE TABLE provider_apps (
    tenant_id  TEXT NOT NULL REFERENCES tenants ON DELETE CASCADE,
    provider   TEXT NOT NULL,
    client_id  TEXT NOT NULL,
    -- Where it is registered, at a provider that has several such places.
    cloud      TEXT,
    directory  TEXT,
    -- Sealed for (tenant, provider, `provider_apps.secret`).
    secret     BLOB NOT NULL,
    touched_us BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, provider)
);

-- The access token of a connection's grant, so that all hubs share one and a restart asks for none. Whoever gets
-- another one holds the lease.
CREATE TABLE grants (
    tenant_id      TEXT NOT NULL,
    connection_id  TEXT NOT NULL,
    -- Sealed for (tenant, connection, `grants.access_token`).
    access_token   BLOB,
    -- When it ends, and from when on another one is asked for.
    expires_us     BIGINT,
    renew_us       BIGINT,
    -- Space-separated, as granted; empty where the provider did not say.
    scope          TEXT NOT NULL DEFAULT '',
    lease_owner    TEXT,
    lease_until_us BIGINT,
    -- When somebody agreed to it on the hub's page; when it ends by itself, where the provider says so; and when the
    -- provider was heard to refuse it.
    given_us       BIGINT,
    ends_us        BIGINT,
    ended_us       BIGINT,
    PRIMARY KEY (tenant_id, connection_id),
    FOREIGN KEY (tenant_id, connection_id) REFERENCES connections ON DELETE CASCADE
);

-- A person's visit to the hosted page. Its address holds a secret, of which a hash is kept; the browser that opens it
-- first holds another one.
CREATE TABLE link_sessions (
    tenant_id     TEXT NOT NULL REFERENCES tenants ON DELETE CASCADE,
    session_id    TEXT NOT NULL,
    hash          BLOB NOT NULL,
    browser       BLOB,
    mode          TEXT NOT NULL,
    connection_id TEXT,
    resource_id   TEXT,
    -- JSON: what the platform stated besides (providers, access, login hint, locale, external id, return address).
    asked         TEXT NOT NULL,
    actor         TEXT NOT NULL,
    status        TEXT NOT NULL,
    reason        TEXT,
    linked        TEXT,
    created_us    BIGINT NOT NULL,
    expires_us    BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, session_id)
);
-- Not unique, and two of the look-ups without a tenant: the address, or its cookie, is all that a browser has.
CREATE INDEX link_sessions_by_hash ON link_sessions (hash);
CREATE INDEX link_sessions_by_id ON link_sessions (session_id);
CREATE INDEX link_sessions_by_end ON link_sessions (expires_us);

-- Trips to a provider's consent page. A row is good for one return.
CREATE TABLE oauth_trips (
    tenant_id     TEXT NOT NULL,
    session_id    TEXT NOT NULL,
    -- Of the `state` that the browser carries.
    hash          BLOB NOT NULL,
    provider      TEXT NOT NULL,
    client_id     TEXT NOT NULL,
    redirect      TEXT NOT NULL,
    access        TEXT NOT NULL,
    connection_id TEXT,
    expires_us    BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, hash),
    FOREIGN KEY (tenant_id, session_id) REFERENCES link_sessions ON DELETE CASCADE
);
CREATE INDEX oauth_trips_by_hash ON oauth_trips (hash);
CREATE INDEX oauth_trips_by_session ON oauth_trips (tenant_id, session_id);

-- One grant may serve several tenants: it is taken back with the last.
CREATE INDEX connections_by_account ON connections (provider, identity);
