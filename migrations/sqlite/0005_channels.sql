-- Through which a provider tells of changes in a calendar. While one is replaced there are two of a calendar.
CREATE TABLE channels (
    tenant_id   TEXT NOT NULL,
    channel_id  TEXT NOT NULL,
    calendar_id TEXT NOT NULL,
    -- opening, open, closing
    state       TEXT NOT NULL,
    -- The provider's name for what is watched, once it has opened the channel.
    resource    TEXT,
    created_us  BIGINT NOT NULL,
    expires_us  BIGINT,
    -- When it is to be replaced.
    renew_us    BIGINT,
    -- When the provider was first and last heard on it, and with which number.
    proven_us   BIGINT,
    heard_us    BIGINT,
    number      BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, channel_id),
    FOREIGN KEY (tenant_id, calendar_id) REFERENCES calendars ON DELETE CASCADE
);
CREATE INDEX channels_by_calendar ON channels (tenant_id, calendar_id);
-- Not unique, and the one look-up without a tenant: a notification names nothing else.
CREATE INDEX channels_by_id ON channels (channel_id);
