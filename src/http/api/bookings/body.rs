//! A booking as callers state it and read it.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    booking::{Attendee, Details},
    http::{
        Problem,
        api::calendars::known_zone,
        extract::{check_metadata, check_text},
        wire::{Instant, Iso},
    },
    model::{interval::Span, states::Delivery, time::tzdb},
    store::{BookingRow, ConflictRow, HistoryRow, OutboxRow},
};

/// A guest.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Guest {
    pub(super) email: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
}

/// Whether the provider may mail the guests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Invite {
    /// Nobody is mailed.
    #[default]
    None,
    Provider,
}

/// An event that is in a calendar already, by one of its names.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"calendar_id": "cal_0198c1", "ical_uid": "1001@example.org"}))]
pub(super) struct AdoptBody {
    pub(super) calendar_id: String,
    /// The provider's name for it, as `provider_events` shows it.
    #[serde(default)]
    pub(super) event_id: Option<String>,
    #[serde(default)]
    pub(super) ical_uid: Option<String>,
}

/// A booking as callers state it. Its time is that of a hold, or `resources`, `start` and `end`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"resources": ["ext:doctor_482"], "start": "2026-03-02T09:00:00Z",
    "end": "2026-03-02T09:30:00Z", "title": "First visit", "external_id": "order_1001"}))]
pub(super) struct BookingBody {
    /// `hld_..`, or `ext:` and its external id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) hold_id: Option<String>,
    /// Instead of a time: an event that is in a calendar already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) adopt: Option<AdoptBody>,
    /// `res_..`, or `ext:` and an external id; all of them or none is booked. With `adopt` it may be left out where one
    /// resource alone writes into the calendar.
    #[serde(default)]
    pub(super) resources: Vec<String>,
    #[serde(default)]
    pub(super) start: Option<Instant>,
    #[serde(default)]
    pub(super) end: Option<Instant>,
    #[serde(default)]
    pub(super) title: Option<String>,
    #[serde(default)]
    pub(super) description: Option<String>,
    #[serde(default)]
    pub(super) location: Option<String>,
    #[serde(default)]
    pub(super) join_url: Option<String>,
    /// IANA name of the zone in which its people think of it.
    #[serde(default)]
    pub(super) time_zone: Option<String>,
    #[serde(default)]
    pub(super) attendees: Vec<Guest>,
    #[serde(default)]
    pub(super) invite: Invite,
    /// How old the knowledge of the calendars may be; a minute when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) max_staleness: Option<Iso>,
    /// Whether to book although some calendar is not known well enough.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) allow_unverified: bool,
    /// Instead of where the resources say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) write_to: Option<String>,
    #[serde(default)]
    pub(super) external_id: Option<String>,
    #[serde(default)]
    pub(super) metadata: BTreeMap<String, String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls takes a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl BookingBody {
    /// What was agreed, to be patched and read as a body again.
    pub(super) fn of(row: &BookingRow, details: &Details) -> Self {
        let guest = |one: &Attendee| Guest { email: one.email.clone(), name: one.name.clone() };
        Self {
            hold_id: None,
            adopt: None,
            resources: row.resources.iter().map(ToString::to_string).collect(),
            start: Some(row.span.start().into()),
            end: Some(row.span.end().into()),
            title: details.title.clone(),
            description: details.description.clone(),
            location: details.location.clone(),
            join_url: details.join_url.clone(),
            time_zone: row.time_zone.clone(),
            attendees: details.attendees.iter().map(guest).collect(),
            invite: if details.invite { Invite::Provider } else { Invite::None },
            max_staleness: None,
            allow_unverified: false,
            write_to: None,
            external_id: row.external_id.clone(),
            metadata: serde_json::from_value(row.metadata.clone()).unwrap_or_default(),
        }
    }

    /// Sees that everything has a form that can be kept and shown.
    pub(super) fn check(&self) -> Result<(), Problem> {
        let words = [
            ("/title", &self.title, 500),
            ("/location", &self.location, 1_000),
            ("/join_url", &self.join_url, 2_000),
            ("/external_id", &self.external_id, 200),
        ];
        for (pointer, text, most) in words {
            if let Some(text) = text {
                check_text(pointer, text, most)?;
            }
        }
        if let Some(adopt) = &self.adopt {
            let names = [
                ("/adopt/event_id", &adopt.event_id, 2_000),
                ("/adopt/ical_uid", &adopt.ical_uid, 1_000),
            ];
            for (pointer, name, most) in names {
                if let Some(name) = name {
                    check_text(pointer, name, most)?;
                }
            }
        }
        if self.description.as_ref().is_some_and(|text| text.len() > 8_000) {
            return Err(Problem::field("/description", "too_long", "at most 8000 bytes"));
        }
        if let Some(zone) = &self.time_zone {
            known_zone(zone)?;
        }
        if self.attendees.len() > 100 {
            return Err(Problem::field("/attendees", "too_many", "at most 100 attendees"));
        }
        for (place, guest) in self.attendees.iter().enumerate() {
            let pointer = format!("/attendees/{place}/email");
            check_text(&pointer, &guest.email, 320)?;
            if !guest.email.contains('@') {
                return Err(Problem::field(&pointer, "invalid", "is not an address"));
            }
            if let Some(name) = &guest.name {
                check_text(&format!("/attendees/{place}/name"), name, 200)?;
            }
        }
        if self.max_staleness.is_some_and(|age| age.0.is_negative()) {
            return Err(Problem::field("/max_staleness", "invalid", "must not be negative"));
        }
        check_metadata(&self.metadata)
    }

    pub(super) fn details(&self) -> Details {
        let attendee = |one: &Guest| Attendee { email: one.email.clone(), name: one.name.clone() };
        Details {
            title: self.title.clone(),
            description: self.description.clone(),
            location: self.location.clone(),
            join_url: self.join_url.clone(),
            attendees: self.attendees.iter().map(attendee).collect(),
            invite: self.invite == Invite::Provider,
            reason: None,
        }
    }
}

/// A booking.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BookingView {
    id: String,
    external_id: Option<String>,
    /// `pending_payment`, `confirmed`, `cancelled`, `completed` or `no_show`.
    status: &'static str,
    /// How far the calendars have it: `pending`, `written`, `conflict`, `failed` or `not_applicable`.
    delivery: &'static str,
    start: Instant,
    end: Instant,
    time_zone: Option<String>,
    /// The start on the clock of `time_zone`.
    #[serde(skip_serializing_if = "Option::is_none")]
    start_local: Option<String>,
    resources: Vec<String>,
    title: Option<String>,
    description: Option<String>,
    location: Option<String>,
    join_url: Option<String>,
    attendees: Vec<Guest>,
    invite: Invite,
    /// Why it ended, as the caller said.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Whether every calendar was known well enough when it was made or moved.
    verified: bool,
    #[schema(value_type = Object)]
    metadata: Value,
    provider_events: Vec<ProviderEvent>,
    conflicts: Vec<ConflictView>,
    /// What became of it, in order; only of a single booking.
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<Vec<HistoryView>>,
    created_at: Instant,
}

/// An event that stands for a booking in a calendar.
#[derive(Debug, Serialize, ToSchema)]
struct ProviderEvent {
    calendar_id: String,
    event_id: Option<String>,
    version: Option<String>,
    /// `pending`, `written`, `conflict` or `failed`.
    delivery: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
}

/// Where a calendar says something else than what was agreed.
#[derive(Debug, Serialize, ToSchema)]
struct ConflictView {
    id: String,
    /// `moved` or `deleted` of its own event, `busy` of another one over it.
    kind: String,
    /// Whether it is at the very same time, as a copy that another tool has made of it.
    likely_copy: bool,
    #[schema(value_type = Object)]
    with: Value,
}

/// One thing that happened to a booking.
#[derive(Debug, Serialize, ToSchema)]
struct HistoryView {
    kind: String,
    actor: String,
    at: Instant,
    #[schema(value_type = Object)]
    data: Value,
}

impl BookingView {
    pub(super) fn of(
        row: &BookingRow,
        details: &Details,
        outbox: &[OutboxRow],
        conflicts: &[ConflictRow],
        history: Option<Vec<HistoryRow>>,
    ) -> Self {
        let body = BookingBody::of(row, details);
        let zone = row.time_zone.as_deref().and_then(|name| tzdb().zone(name));
        let local = |zone: TimeZone| {
            row.span.start().to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S").to_string()
        };
        let history = history.map(|rows| rows.into_iter().map(HistoryView::of).collect());
        Self {
            id: row.booking_id.to_string(),
            external_id: row.external_id.clone(),
            status: row.status.as_str(),
            delivery: whole(outbox).as_str(),
            start: row.span.start().into(),
            end: row.span.end().into(),
            time_zone: row.time_zone.clone(),
            start_local: zone.map(local),
            resources: body.resources,
            title: body.title,
            description: body.description,
            location: body.location,
            join_url: body.join_url,
            attendees: body.attendees,
            invite: body.invite,
            reason: details.reason.clone(),
            verified: row.verified,
            metadata: row.metadata.clone(),
            provider_events: outbox.iter().filter_map(ProviderEvent::of).collect(),
            conflicts: conflicts.iter().filter_map(ConflictView::of).collect(),
            history,
            created_at: row.created_at.into(),
        }
    }
}

impl ProviderEvent {
    fn of(row: &OutboxRow) -> Option<Self> {
        (row.present || row.item.is_some()).then(|| Self {
            calendar_id: row.calendar_id.to_string(),
            event_id: row.item.clone(),
            version: row.version.clone(),
            delivery: row.state.as_str(),
            last_error: row.last_error.clone(),
        })
    }
}

impl ConflictView {
    fn of(row: &ConflictRow) -> Option<Self> {
        row.is_open().then(|| Self {
            id: row.conflict_id.to_string(),
            kind: row.kind.clone(),
            likely_copy: row.likely_copy,
            with: serde_json::json!({
                "calendar_id": row.calendar_id, "start": row.span.map(Span::start),
                "end": row.span.map(Span::end),
            }),
        })
    }
}

impl HistoryView {
    fn of(row: HistoryRow) -> Self {
        Self { kind: row.kind, actor: row.actor, at: row.at.into(), data: row.body }
    }
}

/// How far all calendars of a booking are: as far as the one that is worst off.
pub(super) fn whole(outbox: &[OutboxRow]) -> Delivery {
    let worst = [Delivery::Failed, Delivery::Conflict, Delivery::Pending, Delivery::Written];
    let has = |state: &Delivery| outbox.iter().any(|row| row.state == *state);
    worst.into_iter().find(has).unwrap_or(Delivery::NotApplicable)
}
