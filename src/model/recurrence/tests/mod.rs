//! Expansion against the RFC's examples, the golden cases and the traps of the field.

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};

use super::{Budget, Expansion, Trouble, expand, starts};
use crate::model::{
    busy::BusyClass,
    event::{Event, Extra, Length, Moment, Replaces, Series},
    interval::Span,
    time::{resolve_zone, tzdb},
};

mod golden;
mod hostile;
mod overrides;
mod property;
mod rfc;
mod rules;
mod zones;

fn owner(name: &str) -> TimeZone {
    tzdb().zone(name).unwrap()
}

fn window(from: &str, to: &str) -> Span {
    let instant = |text: &str| -> Timestamp {
        if text.contains('T') {
            text.parse().unwrap()
        } else {
            format!("{text}T00:00:00Z").parse().unwrap()
        }
    };
    Span::new(instant(from), instant(to)).unwrap()
}

/// Reads `;TZID=Zone:20270301T090000` and its like: what stands after a property's name.
fn moment(text: &str) -> Moment {
    let (params, value) = text.rsplit_once(':').unwrap_or(("", text));
    let tzid = params.split(';').find_map(|param| param.strip_prefix("TZID="));
    let civil = |digits: &str| -> DateTime { DateTime::strptime("%Y%m%dT%H%M%S", digits).unwrap() };
    match (value.strip_suffix('Z'), tzid) {
        _ if !value.contains('T') => Moment::Date(Date::strptime("%Y%m%d", value).unwrap()),
        (Some(utc), _) => Moment::Utc(civil(utc).to_zoned(TimeZone::UTC).unwrap().timestamp()),
        (None, Some(tzid)) => Moment::Zoned(civil(value), resolve_zone(tzid, &[])),
        (None, None) => Moment::Floating(civil(value)),
    }
}

fn duration(text: &str) -> Length {
    let span: jiff::Span = text.parse().unwrap();
    let days = i64::from(span.get_days()) + 7 * i64::from(span.get_weeks());
    let seconds = i64::from(span.get_hours()) * 3600 + span.get_minutes() * 60 + span.get_seconds();
    Length::Nominal { days, seconds }
}

/// Reads components written as lines of properties; a blank line parts them. Lists are one value a line.
fn series(text: &str) -> Series {
    Series {
        events: text.split("\n\n").filter(|part| !part.trim().is_empty()).map(event).collect(),
    }
}

fn event(text: &str) -> Event {
    let mut event = Event {
        start: Moment::Date(jiff::civil::date(1970, 1, 1)),
        length: Length::Nominal { days: 0, seconds: 0 },
        class: Some(BusyClass::Busy),
        replaces: None,
        rules: vec![],
        exrules: vec![],
        rdates: vec![],
        exdates: vec![],
        part: 0,
        sequence: 0,
        stamped: None,
    };
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, rest) = line.split_at(line.find([':', ';']).unwrap());
        let value = rest.rsplit_once(':').unwrap().1;
        match name {
            "DTSTART" => {
                event.start = moment(rest);
                if matches!(event.start, Moment::Date(_)) {
                    event.length = Length::Days(1);
                }
            }
            "DTEND" => event.length = Length::Until(moment(rest)),
            "DURATION" => event.length = duration(value),
            "RRULE" => event.rules.push(value.to_owned()),
            "EXRULE" => event.exrules.push(value.to_owned()),
            "EXDATE" => event.exdates.push(moment(rest)),
            "RDATE" => {
                event.rdates.push(match rest.split_once('/').filter(|_| rest.contains("PERIOD")) {
                    None => Extra { at: moment(rest), length: None },
                    Some((at, length)) if length.starts_with('P') => {
                        Extra { at: moment(at), length: Some(duration(length)) }
                    }
                    Some((at, end)) => {
                        Extra { at: moment(at), length: Some(Length::Until(moment(end))) }
                    }
                });
            }
            "RECURRENCE-ID" => {
                let this_and_future = rest.contains("RANGE=THISANDFUTURE");
                event.replaces =
                    Some(Replaces { at: moment(rest), this_and_future, cancelled: false });
            }
            "STATUS" if value == "CANCELLED" => {
                event.class = None;
                event.replaces.as_mut().unwrap().cancelled = true;
            }
            "TRANSP" => event.class = None,
            "SEQUENCE" => event.sequence = value.parse().unwrap(),
            "DTSTAMP" => {
                let Moment::Utc(at) = moment(rest) else { panic!("{line}") };
                event.stamped = Some(at);
            }
            _ => panic!("{line}"),
        }
    }
    event
}

fn shown(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M").to_string()
}

/// Busy intervals as `start/end` in UTC, and those that are unknown with a `?` in front.
fn listed(expansion: &Expansion) -> Vec<String> {
    let mark = |class| if class == BusyClass::Unexpandable { "?" } else { "" };
    let one = |i: &crate::model::busy::BusyInterval| {
        format!("{}{}/{}", mark(i.class), shown(i.span.start()), shown(i.span.end()))
    };
    expansion.intervals.iter().map(one).collect()
}

/// Expands inside a window; the owner's zone is Berlin.
fn busy_in(text: &str, from: &str, to: &str) -> Vec<String> {
    listed(&expand(
        &series(text),
        window(from, to),
        &owner("Europe/Berlin"),
        &mut Budget::default(),
    ))
}

/// Expands over all the years that the cases of these tests lie in.
fn busy(text: &str) -> Vec<String> {
    busy_in(text, "1990-01-01", "2040-01-01")
}

/// The starts of a rule in UTC over a window, as `YYYY-MM-DDTHH:MM`.
fn starts_in(dtstart: &str, rule: &str, from: &str, to: &str) -> Result<Vec<String>, Trouble> {
    let found =
        starts(&moment(dtstart), rule, window(from, to), &TimeZone::UTC, &mut Budget::default());
    found.map(|all| all.into_iter().map(shown).collect())
}
