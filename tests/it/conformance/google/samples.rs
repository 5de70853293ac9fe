//! The promises' samples as a person would have entered them at Google, and what stands there as text. Knows the
//! few properties that the samples have, and nothing of how the connector reads or writes.

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use serde_json::{Map, Value, json};

/// One VEVENT, property by property.
pub(in crate::conformance) type Component = Vec<(String, String)>;

/// Everything of one UID.
pub(in crate::conformance) struct Sample {
    pub(in crate::conformance) master: Component,
    pub(in crate::conformance) overrides: Vec<Component>,
}

impl Sample {
    pub(in crate::conformance) fn read(ics: &str) -> Self {
        let mut components: Vec<Component> = Vec::new();
        let mut inside = false;
        for line in ics.split("\r\n") {
            match line {
                "BEGIN:VEVENT" => {
                    components.push(Vec::new());
                    inside = true;
                }
                "END:VEVENT" => inside = false,
                _ if inside => {
                    let (name, value) = line.split_once(':').unwrap();
                    components.last_mut().unwrap().push((name.to_owned(), value.to_owned()));
                }
                _ => {}
            }
        }
        let is_override =
            |it: &Component| it.iter().any(|(name, _)| name.starts_with("RECURRENCE-ID"));
        let (overrides, masters): (Vec<_>, Vec<_>) = components.into_iter().partition(is_override);
        let [master] = <[_; 1]>::try_from(masters).unwrap();
        Self { master, overrides }
    }

    /// A new event.
    pub(super) fn event(&self) -> Value {
        let mut event = self.changes();
        let (_, uid) = of(&self.master, "UID").unwrap();
        event["iCalUID"] = json!(uid);
        event
    }

    /// What an event is changed to.
    pub(super) fn changes(&self) -> Value {
        let mut event = times(&self.master);
        if let Some((_, rule)) = of(&self.master, "RRULE") {
            event["recurrence"] = json!([format!("RRULE:{rule}")]);
        }
        let words: Map<String, Value> = self
            .master
            .iter()
            .filter(|(name, _)| ["COMMENT", "X-THEIRS"].contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect();
        if !words.is_empty() {
            event["extendedProperties"] = json!({ "private": words });
        }
        event
    }

    /// Instances of an event by their ids, and what they are changed to.
    pub(super) fn overrides(&self, id: &str) -> Vec<(String, Value)> {
        let named = |component: &Component| {
            let (name, value) = of(component, "RECURRENCE-ID").unwrap();
            let at = instant(name, value).strftime("%Y%m%dT%H%M%SZ").to_string();
            (format!("{id}_{at}"), times(component))
        };
        self.overrides.iter().map(named).collect()
    }
}

pub(in crate::conformance) fn of<'a>(
    component: &'a Component,
    wanted: &str,
) -> Option<(&'a str, &'a str)> {
    let is_it = |name: &str| name.split(';').next() == Some(wanted);
    let found = component.iter().find(|(name, _)| is_it(name))?;
    Some((&found.0, &found.1))
}

/// The zone that a property names. Google knows every zone that it lets anybody enter.
pub(in crate::conformance) fn zone(name: &str) -> Option<&str> {
    name.split_once("TZID=").map(|(_, zone)| zone).filter(|zone| *zone != "Nowhere/Land")
}

pub(in crate::conformance) fn instant(name: &str, value: &str) -> Timestamp {
    let at: DateTime = DateTime::strptime("%Y%m%dT%H%M%S", value.trim_end_matches('Z')).unwrap();
    let zone = zone(name).map_or(TimeZone::UTC, |zone| TimeZone::get(zone).unwrap());
    zone.to_timestamp(at).unwrap()
}

fn times(component: &Component) -> Value {
    let (name, start) = of(component, "DTSTART").unwrap();
    let title = of(component, "SUMMARY").map(|(_, title)| title).unwrap_or_default();
    if name.contains("VALUE=DATE") {
        let day = |value: &str| Date::strptime("%Y%m%d", value).unwrap().to_string();
        let (_, end) = of(component, "DTEND").unwrap();
        return json!({"summary": title, "start": {"date": day(start)}, "end": {"date": day(end)}});
    }
    let start = instant(name, start);
    let end = match (of(component, "DTEND"), of(component, "DURATION")) {
        (Some((name, end)), _) => instant(name, end),
        (None, Some((_, "PT1M"))) => start + SignedDuration::from_mins(1),
        (None, Some((_, "PT1H"))) => start + SignedDuration::from_hours(1),
        other => panic!("{other:?}"),
    };
    let moment = |at: Timestamp| match zone(name) {
        Some(zone) => json!({"dateTime": at.to_string(), "timeZone": zone}),
        None => json!({"dateTime": at.to_string()}),
    };
    json!({"summary": title, "start": moment(start), "end": moment(end)})
}

/// Whether an event was made for a UID: it has it, says it in its id, or carries the marker that goes with it.
pub(super) fn is_of(event: &Value, uid: &str) -> bool {
    let marker = uid.trim_end_matches("@calhub").replacen('-', "_", 1);
    let spelled = spelled(event["id"].as_str().unwrap());
    event["iCalUID"] == uid
        || spelled.as_deref() == Some(uid)
        || event["extendedProperties"]["private"]["calhub"] == marker
}

/// What base32hex letters say.
fn spelled(id: &str) -> Option<String> {
    let bits: String = id
        .chars()
        .map(|letter| letter.to_digit(32).map(|five| format!("{five:05b}")))
        .collect::<Option<_>>()?;
    let bytes = bits.as_bytes().chunks_exact(8);
    let bytes =
        bytes.map(|bits| u8::from_str_radix(std::str::from_utf8(bits).unwrap(), 2).unwrap());
    String::from_utf8(bytes.collect()).ok()
}

/// An event as lines: its times in UTC, and what its private properties say.
pub(super) fn text(event: &Value) -> String {
    let mut text = String::new();
    for bound in ["start", "end"] {
        if let Some(at) = event[bound]["dateTime"].as_str() {
            let at: Timestamp = at.parse().unwrap();
            text.push_str(&format!("{bound}:{}\n", at.strftime("%Y%m%dT%H%M%SZ")));
        }
    }
    for (name, value) in event["extendedProperties"]["private"].as_object().into_iter().flatten() {
        text.push_str(&format!("{name}:{}\n", value.as_str().unwrap()));
    }
    text
}
