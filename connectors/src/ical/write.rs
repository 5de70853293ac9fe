//! A draft as the text of a new calendar object.
//!
//! The `icalendar` crate writes: it escapes TEXT and folds lines. It does not guard against control
//! characters, so none reach it.

use std::borrow::Cow;

use icalendar::{Calendar, Component, Event, Property};
use jiff::{
    Timestamp, ToSpan,
    civil::{Date, DateTime},
    tz::{Offset, TimeZone},
};

use super::{observances, read::bare_address};
use crate::connector::{Draft, DraftTime, Guest, WriteKey};

const PRODUCT: &str = "-//calhub//calhub//EN";

/// Writes a draft as a calendar object of its own (`providers.md` 3.5): no METHOD, and no people unless the draft
/// invites some on behalf of `organizer`, so that no server sends mail by accident; times in the draft's zone with
/// its VTIMEZONE, or in UTC; DTEND always.
pub fn write(draft: &Draft, key: &WriteKey, organizer: Option<&str>) -> String {
    let mut event = Event::new();
    event.append_property(Property::new("UID", opaque(&key.uid)));
    event.append_property(marker(key));
    for property in properties(draft) {
        event.append_property(property);
    }
    if let Some(host) = organizer.filter(|_| !draft.guests.is_empty()) {
        event.append_property(self::organizer(host));
        for guest in &draft.guests {
            event.append_multi_property(attendee(guest));
        }
    }
    let mut calendar = Calendar::empty();
    calendar.append_property(Property::new("VERSION", "2.0"));
    calendar.append_property(Property::new("PRODID", PRODUCT));
    calendar.push(event);
    let text = calendar.to_string();
    match zone(draft) {
        Some(placed) => {
            let definition = placed.definition();
            text.replacen("BEGIN:VEVENT", &format!("{definition}BEGIN:VEVENT"), 1)
        }
        None => text,
    }
}

/// On whose behalf people are invited.
pub(super) fn organizer(address: &str) -> Property {
    Property::new("ORGANIZER", mailto(address))
}

/// Tells those that we have invited from those that somebody else has.
pub(super) const GUEST: &str = "X-HUB-GUEST";

pub(super) fn attendee(guest: &Guest) -> Property {
    let mut property = Property::new("ATTENDEE", mailto(&guest.address));
    for (name, value) in [
        ("ROLE", "REQ-PARTICIPANT"),
        ("PARTSTAT", "NEEDS-ACTION"),
        ("RSVP", "TRUE"),
        (GUEST, "TRUE"),
    ] {
        property.add_parameter(name, value);
    }
    if let Some(name) = &guest.name {
        // A parameter's value: quoted where it must be, without what no quotes can hold (RFC 5545 3.2).
        let name = opaque(name);
        let quoted = name.contains([':', ';', ',']);
        property
            .add_parameter("CN", &if quoted { format!("\"{name}\"") } else { name.into_owned() });
    }
    property
}

fn mailto(address: &str) -> String {
    let bare = bare_address(address);
    let safe: String = bare.chars().filter(|it| !it.is_control() && !it.is_whitespace()).collect();
    format!("mailto:{safe}")
}

/// By which an event is known to be ours.
pub(super) fn marker(key: &WriteKey) -> Property {
    Property::new("X-HUB-BOOKING", opaque(&key.marker))
}

/// The properties of an event that are ours, without its identity.
pub(super) fn properties(draft: &Draft) -> Vec<Property> {
    let (start, end) = extent(draft);
    let stamped = utc(draft.stamped);
    let mut ours = vec![
        Property::new("DTSTAMP", stamped.as_str()),
        Property::new("LAST-MODIFIED", stamped.as_str()),
        start,
        end,
        Property::new("SUMMARY", text(&draft.title)),
        Property::new("TRANSP", "OPAQUE"),
        Property::new("STATUS", if draft.tentative { "TENTATIVE" } else { "CONFIRMED" }),
        Property::new("SEQUENCE", draft.sequence.max(0).to_string()),
    ];
    ours.extend(draft.description.as_deref().map(|d| Property::new("DESCRIPTION", text(d))));
    ours.extend(draft.location.as_deref().map(|l| Property::new("LOCATION", text(l))));
    ours.extend(draft.private.then(|| Property::new("CLASS", "PRIVATE")));
    ours
}

/// DTSTART and DTEND. The end lies after the start and is of its type, as servers demand.
fn extent(draft: &Draft) -> (Property, Property) {
    match draft.start {
        DraftTime::At(start) => match zone(draft) {
            Some(Placed { name, walls: (start, end), .. }) => {
                (local("DTSTART", name, start), local("DTEND", name, end))
            }
            None => (
                Property::new("DTSTART", utc(start)),
                Property::new("DTEND", utc(end(draft, start))),
            ),
        },
        DraftTime::On(start) => {
            let end = match draft.end {
                DraftTime::On(end) => end,
                DraftTime::At(end) => Offset::UTC.to_datetime(end).date(),
            };
            let earliest = start.tomorrow().unwrap_or(start);
            (day("DTSTART", start), day("DTEND", end.max(earliest)))
        }
    }
}

fn end(draft: &Draft, start: Timestamp) -> Timestamp {
    let end = match draft.end {
        DraftTime::At(end) => end,
        DraftTime::On(day) => {
            day.to_zoned(TimeZone::UTC).map_or(start, |midnight| midnight.timestamp())
        }
    };
    end.max(start.checked_add(1.second()).unwrap_or(start))
}

/// A draft's extent by the wall clocks of its zone.
pub(super) struct Placed<'a> {
    pub(super) name: &'a str,
    zone: &'a TimeZone,
    /// From here to there, as instants and by the wall clock.
    instants: (Timestamp, Timestamp),
    walls: (DateTime, DateTime),
}

impl Placed<'_> {
    /// The VTIMEZONE.
    pub(super) fn definition(&self) -> String {
        observances::definition(self.name, self.zone, self.instants.0, self.instants.1)
    }
}

/// Where a draft has a zone whose wall clocks say exactly what is meant.
pub(super) fn zone(draft: &Draft) -> Option<Placed<'_>> {
    let (zone, DraftTime::At(start)) = (draft.zone.as_ref()?, draft.start) else { return None };
    let name = zone.iana_name().filter(|name| *name != "UTC")?;
    let end = end(draft, start);
    let wall = |at: Timestamp| {
        let wall = zone.to_datetime(at);
        let meant = zone.to_ambiguous_zoned(wall).compatible().ok()?;
        (meant.timestamp() == at).then_some(wall)
    };
    Some(Placed { name, zone, instants: (start, end), walls: (wall(start)?, wall(end)?) })
}

fn local(name: &str, zone: &str, at: DateTime) -> Property {
    let mut property = Property::new(name, at.strftime("%Y%m%dT%H%M%S").to_string());
    property.add_parameter("TZID", zone);
    property
}

fn utc(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn day(name: &str, date: Date) -> Property {
    let mut property = Property::new(name, date.strftime("%Y%m%d").to_string());
    property.add_parameter("VALUE", "DATE");
    property
}

/// Text for a person: line breaks stay, other control characters go.
fn text(text: &str) -> String {
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    lines.chars().filter(|c| *c == '\n' || !c.is_control()).collect()
}

/// Identities: nothing that could end a line or a parameter.
fn opaque(text: &str) -> Cow<'_, str> {
    let is_bad = |c: char| c.is_control() || c == '"';
    if text.contains(is_bad) { Cow::Owned(text.replace(is_bad, "")) } else { Cow::Borrowed(text) }
}
