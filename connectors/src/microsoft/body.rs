//! A draft as the JSON of an event: whole, or only what of it replaces something.

use jiff::{Timestamp, civil::Date};
use serde_json::{Map, Value, json};

use super::mark::{GUESTS, MARK, spelled};
use crate::{
    connector::{Draft, WriteKey},
    draft::{Extent, plain},
    guests::{Invited, People, Spelling},
};

/// A new event. What it does not say is as the mailbox has it: its reminder, its categories.
pub(super) fn event(key: &WriteKey, draft: &Draft) -> Value {
    let mut event = Map::new();
    event.insert("transactionId".into(), json!(spelled(key)));
    last(&mut event, draft);
    say(&mut event, draft);
    weigh(&mut event, draft);
    own(&mut event, key, People::none(SPELLING).with(&draft.guests));
    event.into()
}

/// What a draft changes of an event that stands there. Everything else is left out, and so left alone.
pub(super) fn changes(key: &WriteKey, draft: &Draft, invited: Option<Invited>) -> Value {
    let mut event = Map::new();
    if !draft.keeps_time {
        last(&mut event, draft);
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

/// From when to when: in UTC, which no change of clocks makes ambiguous, or as days. It is shown in the mailbox's zone.
fn last(event: &mut Map<String, Value>, draft: &Draft) {
    let (start, end, is_all_day) = match draft.extent() {
        Extent::Timed(start, end) => (clock(start), clock(end), false),
        Extent::Days(first, until) => (day(first), day(until), true),
    };
    event.insert("start".into(), start);
    event.insert("end".into(), end);
    event.insert("isAllDay".into(), json!(is_all_day));
}

fn clock(at: Timestamp) -> Value {
    json!({ "dateTime": at.strftime("%Y-%m-%dT%H:%M:%S").to_string(), "timeZone": "UTC" })
}

fn day(date: Date) -> Value {
    json!({ "dateTime": date.strftime("%Y-%m-%dT00:00:00").to_string(), "timeZone": "UTC" })
}

/// What tells a person what it is.
fn say(event: &mut Map<String, Value>, draft: &Draft) {
    event.insert("subject".into(), json!(plain(&draft.title)));
    if let Some(words) = &draft.description {
        let body = json!({ "contentType": "text", "content": plain(words) });
        event.insert("body".into(), body);
    }
    if let Some(words) = &draft.location {
        event.insert("location".into(), json!({ "displayName": plain(words) }));
    }
    if draft.private {
        event.insert("sensitivity".into(), json!("private"));
    }
}

/// How far it counts.
fn weigh(event: &mut Map<String, Value>, draft: &Draft) {
    event.insert("showAs".into(), json!(if draft.tentative { "tentative" } else { "busy" }));
}

/// What makes it ours.
fn own(event: &mut Map<String, Value>, key: &WriteKey, invited: Option<Invited>) {
    let mut properties = vec![json!({ "id": MARK, "value": spelled(key) })];
    if let Some(invited) = invited {
        properties.push(json!({ "id": GUESTS, "value": invited.marks }));
        event.insert("attendees".into(), invited.attendees.into());
    }
    event.insert("singleValueExtendedProperties".into(), properties.into());
}

/// The people of an event that stands there.
pub(super) fn people(event: &Value) -> People {
    let properties = event.get("singleValueExtendedProperties").and_then(Value::as_array);
    let is_ours = |property: &&Value| {
        let id = property.get("id").and_then(Value::as_str).unwrap_or_default();
        id.eq_ignore_ascii_case(GUESTS)
    };
    let marks = properties.into_iter().flatten().find(is_ours);
    let marks = marks.and_then(|property| property.get("value")?.as_str()).unwrap_or_default();
    People::of(SPELLING, event, marks, false)
}

const SPELLING: Spelling = Spelling {
    address_of: |attendee| attendee.pointer("/emailAddress/address").and_then(Value::as_str),
    attendee: |address, name| {
        let address = match name {
            Some(name) => json!({ "address": address, "name": name }),
            None => json!({ "address": address }),
        };
        json!({ "emailAddress": address, "type": "required" })
    },
};
