//! Writing events into a calendar at Google as its person does: events, series, single occurrences.

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan, civil::DateTime, tz::TimeZone};
use serde_json::{Value, json};
use simulators::{GoogleCalendar, Refusal};

use crate::events::{Change, Event, Start, property};

/// The ids that events have at Google, which are never given twice.
#[derive(Default)]
pub struct Ids {
    by_uid: BTreeMap<String, String>,
    given: u32,
}

impl Ids {
    /// Does what makes a calendar show `new` where it showed `old`, as the person would, and tells which rows it
    /// touched.
    pub fn write(
        &mut self,
        calendar: &GoogleCalendar,
        uid: &str,
        old: Option<&Event>,
        new: Option<&Event>,
    ) -> Vec<String> {
        // Google keeps neither what is cancelled nor a series of which nothing takes place.
        let new = new.filter(|event| !event.cancelled && event.has_occurrences());
        let known = self.by_uid.get(uid).cloned();
        match (known, new) {
            (None, None) => Vec::new(),
            (Some(id), None) => {
                calendar.delete(&id).unwrap();
                self.by_uid.remove(uid);
                vec![id]
            }
            (None, Some(new)) => self.insert(calendar, uid, new),
            (Some(id), Some(new)) => match old.and_then(|old| edit(calendar, &id, old, new).ok()) {
                Some(touched) => touched,
                // Done anew, as people do.
                None => {
                    calendar.delete(&id).unwrap();
                    let mut touched = self.insert(calendar, uid, new);
                    touched.push(id);
                    touched
                }
            },
        }
    }

    fn insert(&mut self, calendar: &GoogleCalendar, uid: &str, event: &Event) -> Vec<String> {
        self.given += 1;
        let id = format!("{uid}g{:05}", self.given);
        let (start, end) = extent(event, &event.start, 0);
        let mut body = looks(event);
        body["id"] = json!(id);
        (body["start"], body["end"]) = (start, end);
        if let Some(lines) = recurrence(event) {
            body["recurrence"] = lines;
        }
        calendar.insert(body).unwrap();
        let mut touched = vec![id.clone()];
        for (n, change) in event.changes.iter().filter(|(_, change)| **change != Change::LeftOut) {
            touched.push(alter(calendar, &id, event, *n, *change).unwrap());
        }
        self.by_uid.insert(uid.to_owned(), id);
        touched
    }

    /// Changes a series from its `nth` occurrence on: the old one ends, and another one begins under `uid`.
    pub fn split(
        &mut self,
        calendar: &GoogleCalendar,
        (from, uid): (&str, &str),
        series: &Event,
        nth: i64,
    ) -> Vec<String> {
        let id = self.by_uid[from].clone();
        let instance = instance(&id, &series.nth(nth));
        let made = calendar.split(&instance, json!({"summary": "from now on"})).unwrap();
        let made = made["id"].as_str().unwrap().to_owned();
        self.by_uid.insert(uid.to_owned(), made.clone());
        vec![id, instance, made]
    }
}

/// Changes what differs; an error where the calendar's own way of changing it is another one than the person's.
fn edit(calendar: &GoogleCalendar, id: &str, old: &Event, new: &Event) -> Result<Vec<String>, ()> {
    let mut touched = vec![id.to_owned()];
    let has_moved = old.start != new.start || old.minutes != new.minutes || old.rule != new.rule;
    if has_moved && !new.changes.is_empty() {
        return Err(());
    }
    let mut patch = looks(new);
    if has_moved {
        (patch["start"], patch["end"]) = extent(new, &new.start, 0);
        if let Some(lines) = recurrence(new) {
            patch["recurrence"] = lines;
        }
    }
    calendar.patch(id, patch).map_err(|_| ())?;
    for (n, change) in &new.changes {
        if old.changes.get(n) != Some(change) {
            touched.push(alter(calendar, id, new, *n, *change).map_err(|_| ())?);
        } else if matches!(change, Change::Moved(_)) {
            // What is changed of all is changed of those that were moved too.
            let instance = instance(id, &new.nth(*n));
            calendar.patch(&instance, looks(new)).map_err(|_| ())?;
            touched.push(instance);
        }
    }
    Ok(touched)
}

fn alter(
    calendar: &GoogleCalendar,
    id: &str,
    event: &Event,
    n: i64,
    change: Change,
) -> Result<String, Refusal> {
    let slot = event.nth(n);
    let instance = instance(id, &slot);
    match change {
        Change::LeftOut | Change::Cancelled => calendar.delete(&instance)?,
        Change::Moved(minutes) => {
            let mut patch = looks(event);
            (patch["start"], patch["end"]) = extent(event, &slot, minutes);
            calendar.patch(&instance, patch)?;
        }
    }
    Ok(instance)
}

/// All but the time.
fn looks(event: &Event) -> Value {
    json!({
        "summary": format!("{} {}", event.uid, event.edits),
        "transparency": if event.transparent { "transparent" } else { "opaque" },
        "status": if event.tentative { "tentative" } else { "confirmed" },
    })
}

/// Start and end of an occurrence that is so many minutes late.
fn extent(event: &Event, start: &Start, later: i64) -> (Value, Value) {
    let moved = |at: &DateTime| at.checked_add(later.minutes()).unwrap();
    let clock = |at: DateTime, zone: &str| {
        let from = at.to_zoned(TimeZone::get(zone).unwrap()).unwrap();
        let until = from.checked_add(event.minutes.minutes()).unwrap();
        let text = |at: DateTime| json!({"dateTime": at.strftime("%Y-%m-%dT%H:%M:%S").to_string(), "timeZone": zone});
        (text(from.datetime()), text(until.datetime()))
    };
    match start {
        Start::Day(day) => {
            let end = day.checked_add((event.minutes / 1440).days()).unwrap();
            (json!({"date": day.to_string()}), json!({"date": end.to_string()}))
        }
        Start::Utc(at) => clock(moved(at), "UTC"),
        Start::Zoned(at, zone) => clock(moved(at), zone),
    }
}

/// The id of the occurrence that begins so by the rule.
fn instance(id: &str, slot: &Start) -> String {
    let at = |at: &DateTime, zone: &str| -> Timestamp {
        at.to_zoned(TimeZone::get(zone).unwrap()).unwrap().timestamp()
    };
    match slot {
        Start::Day(day) => format!("{id}_{}", day.strftime("%Y%m%d")),
        Start::Utc(start) => format!("{id}_{}", at(start, "UTC").strftime("%Y%m%dT%H%M%SZ")),
        Start::Zoned(start, zone) => format!("{id}_{}", at(start, zone).strftime("%Y%m%dT%H%M%SZ")),
    }
}

fn recurrence(event: &Event) -> Option<Value> {
    let rule = event.rule?;
    let freq = if rule.weekly { "WEEKLY" } else { "DAILY" };
    let mut lines = vec![format!("RRULE:FREQ={freq};INTERVAL={};COUNT={}", rule.every, rule.count)];
    let left_out = event.changes.iter().filter(|(_, change)| **change == Change::LeftOut);
    lines.extend(left_out.map(|(n, _)| property("EXDATE", &event.nth(*n))));
    Some(json!(lines))
}
