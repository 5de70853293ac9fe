//! Connections and calendars as answers show them.

use jiff::SignedDuration;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    http::wire::{Instant, Iso},
    model::states::{ConnectionState, InitialSync, Provider},
    store::{CalendarRow, ConnectionRow, GrantRow, Paused},
    sync::words::in_words,
};

/// A calendar.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": "cal_0198c1", "connection_id": "con_0198c1", "name": "Work",
    "time_zone": "Europe/Berlin", "provider_ref": "/dav/me/work/", "writable": true, "push": "none",
    "synced_at": "2026-03-02T09:00:00Z", "source_lag": "PT0S", "expected_max_age": "PT30M",
    "covered_from": "2026-01-26T00:00:00Z", "covered_until": "2027-04-06T00:00:00Z", "initial_sync": "done",
    "poll_every": "PT15M", "transparent": false, "listed": true, "quarantined": false, "last_error": null}))]
pub(super) struct CalendarView {
    pub id: String,
    pub connection_id: String,
    pub name: String,
    /// The zone of its all-day and floating times: what was set here, else what the provider states.
    pub time_zone: Option<String>,
    /// The provider's name for it; null for feeds, whose address is a secret.
    pub provider_ref: Option<String>,
    pub writable: bool,
    /// `healthy`, `pending`, `stale` or `none`.
    pub push: &'static str,
    /// The instant before the first request of the last completed pull.
    pub synced_at: Option<Instant>,
    /// How far the source itself may be behind: a duration, or `unknown`.
    pub source_lag: String,
    pub expected_max_age: Iso,
    pub covered_from: Option<Instant>,
    pub covered_until: Option<Instant>,
    /// `pending` or `done`.
    pub initial_sync: &'static str,
    pub poll_every: Iso,
    /// The whole calendar does not count as busy.
    pub transparent: bool,
    /// Whether the provider still lists it.
    pub listed: bool,
    pub quarantined: bool,
    /// Why the last pull failed; null once one has succeeded.
    pub last_error: Option<String>,
    /// The same in a sentence: what happened, and what to do.
    pub last_error_text: Option<&'static str>,
}

fn iso(duration: std::time::Duration) -> Iso {
    Iso(SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX))
}

impl CalendarView {
    pub(super) fn of(row: &CalendarRow, provider: Provider) -> Self {
        let is_feed = provider == Provider::Ics;
        Self {
            id: row.calendar_id.to_string(),
            connection_id: row.connection_id.to_string(),
            name: row.name.clone(),
            time_zone: row.time_zone_set.clone().or_else(|| row.time_zone.clone()),
            provider_ref: (!is_feed).then(|| row.provider_ref.clone()),
            writable: row.writable,
            push: row.push.as_str(),
            synced_at: row.synced_at.map(Into::into),
            source_lag: source_lag(!is_feed).to_owned(),
            expected_max_age: iso(row.expected_max_age),
            covered_from: row.covered_from.map(Into::into),
            covered_until: row.covered_until.map(Into::into),
            initial_sync: row.initial_sync.as_str(),
            poll_every: iso(row.poll_every),
            transparent: row.transparent,
            listed: row.listed,
            quarantined: row.quarantine.is_some(),
            last_error: row.last_error.clone(),
            last_error_text: row.last_error.as_deref().map(in_words),
        }
    }
}

/// A feed is a copy that its publisher renews when it likes; every other calendar is the source itself.
pub(super) fn source_lag(is_live: bool) -> &'static str {
    if is_live { "PT0S" } else { "unknown" }
}

/// How far a connection's first sync has got.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Progress {
    /// Calendars found.
    pub calendars: usize,
    /// Calendars that were read completely at least once.
    pub done: usize,
}

/// What of a connection is paused, by its own pause, its tenant's or its provider's.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PausedView {
    pub reads: bool,
    pub writes: bool,
}

/// A grant that a person gave at a provider.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GrantView {
    /// When somebody agreed on the hub's page; null for a grant that was made elsewhere.
    pub given_at: Option<Instant>,
    /// When it ends by itself, where the provider says so: Google does of apps in testing.
    pub ends_at: Option<Instant>,
    /// When the provider was heard to refuse it.
    pub ended_at: Option<Instant>,
}

impl From<GrantRow> for GrantView {
    fn from(row: GrantRow) -> Self {
        Self {
            given_at: row.given_at.map(Into::into),
            ends_at: row.ends_at.map(Into::into),
            ended_at: row.ended_at.map(Into::into),
        }
    }
}

/// A connection.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": "con_0198c1", "provider": "caldav", "account_label": "me@example.org",
    "external_id": null, "state": "healthy", "access": "read", "progress": {"calendars": 2, "done": 2},
    "last_ok_at": "2026-03-02T09:00:00Z", "last_error": null, "paused": {"reads": false, "writes": false}, "grant": null, "relink_url": null,
    "calendars": [],
    "metadata": {}, "created_at": "2026-03-01T08:00:00Z"}))]
pub(super) struct ConnectionView {
    pub id: String,
    pub provider: &'static str,
    /// What a person recognises the account by.
    pub account_label: String,
    pub external_id: Option<String>,
    /// `syncing`, `healthy`, `degraded`, `needs_reauth`, `revoked` or `removing`.
    pub state: &'static str,
    /// `busy_only`, `read` or `read_write`.
    pub access: &'static str,
    pub progress: Progress,
    pub last_ok_at: Option<Instant>,
    pub last_error: Option<String>,
    /// The same in a sentence: what happened, and what to do.
    pub last_error_text: Option<&'static str>,
    /// Whether an operator has the hub ask nothing of it.
    pub paused: PausedView,
    /// Of a provider where a person signs in; null for others.
    pub grant: Option<GrantView>,
    /// Where a person signs in again, when that is needed.
    pub relink_url: Option<String>,
    pub calendars: Vec<CalendarView>,
    #[schema(value_type = Object)]
    pub metadata: Value,
    pub created_at: Instant,
}

impl ConnectionView {
    pub(super) fn of(row: ConnectionRow, calendars: &[CalendarRow], paused: Paused) -> Self {
        let done =
            calendars.iter().filter(|calendar| calendar.initial_sync == InitialSync::Done).count();
        let last_error = row.last_error.filter(|_| row.state != ConnectionState::Healthy);
        Self {
            id: row.connection_id.to_string(),
            provider: row.provider.as_str(),
            account_label: row.account_label,
            external_id: row.external_id,
            state: row.state.as_str(),
            access: row.access.as_str(),
            progress: Progress { calendars: calendars.len(), done },
            last_ok_at: row.last_ok_at.map(Into::into),
            last_error_text: last_error.as_deref().map(in_words),
            last_error,
            paused: PausedView { reads: paused.reads, writes: paused.writes },
            grant: None,
            relink_url: None,
            calendars: calendars
                .iter()
                .map(|calendar| CalendarView::of(calendar, row.provider))
                .collect(),
            metadata: if row.metadata.is_object() {
                row.metadata
            } else {
                Value::Object(serde_json::Map::new())
            },
            created_at: row.created_at.into(),
        }
    }
}
