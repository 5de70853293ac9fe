//! Events as one reader sees them: masked by role, in the zone asked for, with so many attendees.

use std::collections::HashSet;

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{
    knobs::GoogleKnobs,
    series::{Event, Series, Slot},
    spec::Role,
    state::{CalendarState, Row, text},
    when::When,
};

/// How a reader sees a calendar.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) role: Role,
    /// Another zone than the calendar's.
    pub(crate) zone: Option<TimeZone>,
    pub(crate) max_attendees: Option<usize>,
    pub(crate) thin_instances: bool,
    pub(crate) thin_deletions: bool,
}

const BARE: [&str; 11] = [
    "kind",
    "etag",
    "id",
    "iCalUID",
    "htmlLink",
    "status",
    "start",
    "end",
    "updated",
    "recurringEventId",
    "originalStartTime",
];

impl View {
    pub(crate) fn new(role: Role, knobs: &GoogleKnobs) -> Self {
        Self {
            role,
            zone: None,
            max_attendees: None,
            thin_instances: knobs.thin_instances,
            thin_deletions: knobs.thin_deletions,
        }
    }

    /// Whether the reader is shown this event at all.
    pub(crate) fn shows(&self, row: &Row) -> bool {
        self.role > Role::FreeBusyReader
            || row.is_cancelled()
            || text(&row.event, "transparency") != Some("transparent")
    }

    fn is_masked(&self, event: &Event) -> bool {
        let is_private = matches!(text(event, "visibility"), Some("private" | "confidential"));
        match self.role {
            Role::FreeBusyReader => true,
            Role::Reader | Role::WriterWithoutPrivateAccess => is_private,
            Role::Writer | Role::Owner => false,
        }
    }

    /// A row of a listing or the answer to a get.
    pub(crate) fn row(&self, row: &Row) -> Value {
        let event = &row.event;
        if row.is_cancelled() {
            if row.is_moved {
                return pick(event, &["kind", "etag", "id", "status"]);
            }
            let is_instance = row.master().is_some();
            if is_instance && self.thin_instances {
                return pick(event, &["kind", "etag", "id", "status"]);
            }
            if is_instance {
                let kept =
                    ["kind", "etag", "id", "status", "recurringEventId", "originalStartTime"];
                return self.zoned(pick(event, &kept));
            }
            let is_own = event.get("organizer").and_then(|o| o.get("self")) == Some(&json!(true));
            if self.thin_deletions || !is_own || self.is_masked(event) {
                return pick(event, &["kind", "etag", "id", "status"]);
            }
        }
        self.event(event)
    }

    fn event(&self, event: &Event) -> Value {
        if self.is_masked(event) {
            let mut masked = pick(event, &BARE);
            if let Some(recurrence) = event.get("recurrence")
                && let Some(fields) = masked.as_object_mut()
            {
                fields.insert("recurrence".into(), recurrence.clone());
            }
            if let Some(fields) = masked.as_object_mut() {
                fields.insert("visibility".into(), json!("private"));
            }
            return self.zoned(masked);
        }
        let mut shown = event.clone();
        self.cap_attendees(&mut shown);
        self.zoned(Value::Object(shown))
    }

    fn cap_attendees(&self, event: &mut Event) {
        let Some(most) = self.max_attendees else { return };
        let Some(Value::Array(attendees)) = event.get_mut("attendees") else { return };
        if attendees.len() > most {
            attendees.retain(|attendee| attendee.get("self") == Some(&json!(true)));
            event.insert("attendeesOmitted".into(), json!(true));
        }
    }

    fn zoned(&self, mut shown: Value) -> Value {
        let (Some(zone), Some(fields)) = (&self.zone, shown.as_object_mut()) else { return shown };
        for name in ["start", "end", "originalStartTime"] {
            if let Some(when) = When::stored(fields.get(name)) {
                fields.insert(name.into(), when.json(zone));
            }
        }
        shown
    }

    /// An instance that is told nowhere but in its master.
    pub(crate) fn instance(
        &self,
        calendar: &CalendarState,
        master: &Row,
        series: &Series,
        slot: Slot,
    ) -> Value {
        self.event(&instance(calendar, &master.event, series, slot))
    }
}

fn pick(event: &Event, names: &[&str]) -> Value {
    names
        .iter()
        .filter_map(|name| event.get(*name).map(|value| ((*name).to_owned(), value.clone())))
        .collect()
}

/// The event of one slot of a series, as its master gives it.
pub(crate) fn instance(
    calendar: &CalendarState,
    master: &Event,
    series: &Series,
    slot: Slot,
) -> Event {
    let id = text(master, "id").unwrap_or_default();
    let mut event = master.clone();
    event.remove("recurrence");
    let start = series.start_of(slot).json(&calendar.zone);
    event.insert("id".into(), json!(format!("{id}_{}", series.suffix(slot))));
    event.insert("recurringEventId".into(), json!(id));
    event.insert("originalStartTime".into(), start.clone());
    event.insert("start".into(), start);
    event.insert("end".into(), series.end_of(slot).json(&calendar.zone));
    event
}

/// The ids of slots that have an exception of their own.
pub(crate) fn replaced<'a>(calendar: &'a CalendarState, master: &'a str) -> HashSet<&'a str> {
    calendar.exceptions(master).map(|(id, _)| id.as_str()).collect()
}
