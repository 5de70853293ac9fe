//! A draft as the JSON of an event: whole, or only what of it replaces something.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::{Map, Value, json};

use crate::{
    connector::{Draft, WriteKey},
    draft::{Extent, plain},
    event::ItemRef,
    guests::{Invited, People, Spelling},
};

/// A new event. What it does not say is as the calendar has it: its reminders, its colour.
pub(super) fn event(
    id: &ItemRef,
    key: &WriteKey,
    draft: &Draft,
    invited: Option<Invited>,
) -> Value {
    let (start, end) = extent(draft);
    let mut event = Map::new();
    event.insert("id".into(), json!(id.as_str()));
    event.insert("start".into(), start);
    event.insert("end".into(), end);
    say(&mut event, draft);
    weigh(&mut event, draft);
    own(&mut event, key, invited);
    event.into()
}

/// What a draft changes of an event that stands there. Everything else is left out, and so left alone.
pub(super) fn changes(key: &WriteKey, draft: &Draft, invited: Option<Invited>) -> Value {
    let mut event = Map::new();
    if !draft.keeps_time {
        let (start, end) = extent(draft);
        event.insert("start".into(), without_other_kind(start));
        event.insert("end".into(), without_other_kind(end));
    }
    if !draft.keeps_words {
        say(&mut event, draft);
    }
    if !draft.is_silent() {
        weigh(&mut event, draft);
    }
    own(&mut event, key, invited);
    event.into()
}

/// What tells a person what it is.
fn say(event: &mut Map<String, Value>, draft: &Draft) {
    event.insert("summary".into(), json!(plain(&draft.title)));
    for (name, words) in [("description", &draft.description), ("location", &draft.location)] {
        if let Some(words) = words {
            event.insert(name.into(), json!(plain(words)));
        }
    }
    if draft.private {
        event.insert("visibility".into(), json!("private"));
    }
}

/// How far it counts.
fn weigh(event: &mut Map<String, Value>, draft: &Draft) {
    event.insert("transparency".into(), json!("opaque"));
    let status = if draft.tentative { "tentative" } else { "confirmed" };
    event.insert("status".into(), json!(status));
}

/// What makes it ours.
fn own(event: &mut Map<String, Value>, key: &WriteKey, invited: Option<Invited>) {
    let mut private = Map::new();
    private.insert("calhub".into(), json!(key.marker));
    if let Some(invited) = invited {
        private.insert("calhubGuests".into(), json!(invited.marks));
        event.insert("attendees".into(), invited.attendees.into());
    }
    event.insert("extendedProperties".into(), json!({ "private": private }));
}

fn extent(draft: &Draft) -> (Value, Value) {
    match draft.extent() {
        Extent::Timed(start, end) => {
            (clock(start, draft.zone.as_ref()), clock(end, draft.zone.as_ref()))
        }
        Extent::Days(first, until) => (day(first), day(until)),
    }
}

fn clock(at: Timestamp, zone: Option<&TimeZone>) -> Value {
    let named = zone.and_then(|zone| Some((zone, zone.iana_name()?)));
    match named.filter(|(_, name)| *name != "UTC") {
        Some((zone, name)) => {
            let shown = at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
            json!({ "dateTime": shown, "timeZone": name })
        }
        // Shown by the calendar's own clock.
        None => json!({ "dateTime": at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string() }),
    }
}

fn day(date: Date) -> Value {
    json!({ "date": date.strftime("%Y-%m-%d").to_string() })
}

/// What is patched is merged: a time that was a date, or the other way round, has to lose what it was.
fn without_other_kind(mut bound: Value) -> Value {
    if let Some(bound) = bound.as_object_mut() {
        let others: &[&str] =
            if bound.contains_key("date") { &["dateTime", "timeZone"] } else { &["date"] };
        bound.extend(others.iter().map(|name| ((*name).to_owned(), Value::Null)));
    }
    bound
}

/// The people of a new event.
pub(super) fn nobody() -> People {
    People::none(SPELLING)
}

/// The people of an event that stands there.
pub(super) fn people(event: &Value) -> People {
    let marks = event.pointer("/extendedProperties/private/calhubGuests").and_then(Value::as_str);
    let is_partial = event.get("attendeesOmitted").and_then(Value::as_bool).unwrap_or_default();
    People::of(SPELLING, event, marks.unwrap_or_default(), is_partial)
}

const SPELLING: Spelling = Spelling {
    address_of: |attendee| attendee.get("email").and_then(Value::as_str),
    attendee: |address, name| match name {
        Some(name) => json!({ "email": address, "displayName": name }),
        None => json!({ "email": address }),
    },
};
