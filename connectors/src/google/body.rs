//! A draft as the JSON of an event: whole, or only what of it replaces something.

use jiff::{
    Timestamp, ToSpan,
    civil::Date,
    tz::{Offset, TimeZone},
};
use serde_json::{Map, Value, json};

use super::guests::Invited;
use crate::{
    connector::{Draft, DraftTime, WriteKey},
    event::ItemRef,
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
    if !is_silent(draft) {
        weigh(&mut event, draft);
    }
    own(&mut event, key, invited);
    event.into()
}

/// Whether a draft changes nothing that a person sees.
pub(super) fn is_silent(draft: &Draft) -> bool {
    draft.keeps_words && draft.keeps_time
}

/// What tells a person what it is.
fn say(event: &mut Map<String, Value>, draft: &Draft) {
    event.insert("summary".into(), json!(text(&draft.title)));
    for (name, words) in [("description", &draft.description), ("location", &draft.location)] {
        if let Some(words) = words {
            event.insert(name.into(), json!(text(words)));
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

/// Start and end. The end lies after the start and is of its kind, as Google demands.
fn extent(draft: &Draft) -> (Value, Value) {
    match draft.start {
        DraftTime::At(start) => {
            let end = match draft.end {
                DraftTime::At(end) => end,
                DraftTime::On(day) => midnight(day).unwrap_or(start),
            };
            // Nothing that takes no time is taken.
            let earliest = start.checked_add(1.minute()).unwrap_or(start);
            let end = if end > start { end } else { earliest };
            (clock(start, draft.zone.as_ref()), clock(end, draft.zone.as_ref()))
        }
        DraftTime::On(start) => {
            let end = match draft.end {
                DraftTime::On(end) => end,
                DraftTime::At(end) => Offset::UTC.to_datetime(end).date(),
            };
            let earliest = start.tomorrow().unwrap_or(start);
            (day(start), day(end.max(earliest)))
        }
    }
}

fn midnight(day: Date) -> Option<Timestamp> {
    Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
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

/// Text for a person: line breaks stay, other control characters go.
fn text(text: &str) -> String {
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    lines.chars().filter(|letter| *letter == '\n' || !letter.is_control()).collect()
}
