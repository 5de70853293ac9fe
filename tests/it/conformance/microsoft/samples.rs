//! The promises' samples as a person would have entered them in Outlook, and what stands there as text. Knows the few
//! properties that the samples have, and nothing of how the connector reads or writes.

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use serde_json::{Value, json};

use crate::conformance::google::samples::{Component, Sample, instant, of, zone};

/// What somebody else keeps beside an event.
fn property(name: &str) -> String {
    format!("String {{00020329-0000-0000-C000-000000000046}} Name {name}")
}

/// What an event is changed to.
pub(super) fn changes(sample: &Sample) -> Value {
    let mut event = times(&sample.master);
    if let Some((_, rule)) = of(&sample.master, "RRULE") {
        assert_eq!(rule, "FREQ=WEEKLY;COUNT=5");
        let start = event["start"]["dateTime"].as_str().unwrap()[..10].to_owned();
        event["recurrence"] = json!({
            "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": ["monday"], "firstDayOfWeek": "sunday"},
            "range": {"type": "numbered", "startDate": start, "numberOfOccurrences": 5,
                "recurrenceTimeZone": "W. Europe Standard Time"},
        });
    }
    let is_theirs =
        |(name, _): &&(String, String)| ["COMMENT", "X-THEIRS"].contains(&name.as_str());
    let theirs: Vec<Value> = sample
        .master
        .iter()
        .filter(is_theirs)
        .map(|(name, value)| json!({"id": property(name), "value": value}))
        .collect();
    if !theirs.is_empty() {
        event["singleValueExtendedProperties"] = theirs.into();
    }
    event
}

/// A new event.
pub(super) fn event(sample: &Sample) -> Value {
    let mut event = changes(sample);
    event["iCalUId"] = json!(of(&sample.master, "UID").unwrap().1);
    event
}

/// The original starts of occurrences, and what they are changed to.
pub(super) fn overrides(sample: &Sample) -> Vec<(Timestamp, Value)> {
    let moved = |component: &Component| {
        let (name, value) = of(component, "RECURRENCE-ID").unwrap();
        (instant(name, value), times(component))
    };
    sample.overrides.iter().map(moved).collect()
}

fn times(component: &Component) -> Value {
    let (name, start) = of(component, "DTSTART").unwrap();
    let title = of(component, "SUMMARY").map(|(_, title)| title).unwrap_or_default();
    if name.contains("VALUE=DATE") {
        let day = |value: &str| {
            let date = Date::strptime("%Y%m%d", value).unwrap();
            json!({"dateTime": format!("{date}T00:00:00"), "timeZone": "UTC"})
        };
        let (_, end) = of(component, "DTEND").unwrap();
        return json!({"subject": title, "isAllDay": true, "start": day(start), "end": day(end)});
    }
    let start = instant(name, start);
    let end = match (of(component, "DTEND"), of(component, "DURATION")) {
        (Some((name, end)), _) => instant(name, end),
        (None, Some((_, "PT1M"))) => start + SignedDuration::from_mins(1),
        (None, Some((_, "PT1H"))) => start + SignedDuration::from_hours(1),
        other => panic!("{other:?}"),
    };
    let moment = |at: Timestamp| {
        let (zone, shown) = match zone(name) {
            Some("Europe/Berlin") => ("W. Europe Standard Time", "Europe/Berlin"),
            other => (other.unwrap_or("UTC"), other.unwrap_or("UTC")),
        };
        let wall = TimeZone::get(shown).unwrap().to_datetime(at);
        json!({"dateTime": wall.strftime("%Y-%m-%dT%H:%M:%S").to_string(), "timeZone": zone})
    };
    json!({"subject": title, "isAllDay": false, "start": moment(start), "end": moment(end)})
}

/// What the properties of an event say, by their names.
fn properties(event: &Value) -> Vec<(&str, &str)> {
    let all = event["singleValueExtendedProperties"].as_array().into_iter().flatten();
    all.map(|one| {
        let name = one["id"].as_str().unwrap().rsplit(' ').next().unwrap();
        (name, one["value"].as_str().unwrap())
    })
    .collect()
}

/// Whether an event was made for a UID.
pub(super) fn is_of(event: &Value, uid: &str) -> bool {
    let begins = |text: &str| text.split(' ').next() == Some(uid);
    event["iCalUId"] == uid
        || event["transactionId"].as_str().is_some_and(begins)
        || properties(event).iter().any(|(name, value)| *name == "calhub" && begins(value))
}

/// An event as lines: its times in UTC, and what its properties say.
pub(super) fn text(event: &Value) -> String {
    let mut text = String::new();
    for bound in ["start", "end"] {
        let at = event[bound]["dateTime"].as_str().unwrap();
        let at: String = at[..19].chars().filter(|letter| !"-:".contains(*letter)).collect();
        text.push_str(&format!("{bound}:{at}Z\n"));
    }
    for (name, value) in properties(event) {
        text.push_str(&format!("{name}:{value}\n"));
    }
    text
}
