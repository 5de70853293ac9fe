//! Times as people type them.

use std::str::FromStr;

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};

use crate::model::time::{day_start, instant, tzdb};

/// An instant, or a wall-clock time that still needs a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Instant(Timestamp),
    Wall(DateTime),
    Day(Date),
}

impl FromStr for When {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(at) = text.parse() {
            return Ok(Self::Instant(at));
        }
        match (text.len(), text.parse::<Date>(), text.parse::<DateTime>()) {
            (10, Ok(day), _) => Ok(Self::Day(day)),
            (_, _, Ok(at)) => Ok(Self::Wall(at)),
            _ => Err(
                "write 2026-03-02T09:00:00Z, 2026-03-02T09:00:00+01:00, 2026-03-02T09:00 or 2026-03-02",
            ),
        }
    }
}

impl When {
    pub(crate) fn needs_a_zone(self) -> bool {
        !matches!(self, Self::Instant(_))
    }

    pub(crate) fn in_zone(self, zone: &TimeZone) -> Timestamp {
        match self {
            Self::Instant(at) => at,
            Self::Wall(at) => instant(at, zone),
            Self::Day(day) => day_start(day, zone),
        }
    }
}

/// A zone by its IANA name.
pub(crate) fn zone(name: &str) -> Result<TimeZone, String> {
    tzdb()
        .zone(name)
        .ok_or_else(|| format!("there is no time zone {name:?}; write one such as Europe/Berlin"))
}

/// `Mon 2026-03-02 09:00` on the zone's clock.
pub(crate) fn at(instant: Timestamp, zone: &TimeZone) -> String {
    instant.to_zoned(zone.clone()).strftime("%a %Y-%m-%d %H:%M").to_string()
}

/// A span on the zone's clock, the day told twice only where it must be.
pub(crate) fn span(start: Timestamp, end: Timestamp, zone: &TimeZone) -> String {
    let until = end.to_zoned(zone.clone());
    if start.to_zoned(zone.clone()).date() == until.date() {
        format!("{} - {}", at(start, zone), until.strftime("%H:%M"))
    } else {
        format!("{} - {}", at(start, zone), at(end, zone))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_wall_clocks_are_taken_in_the_zone() {
        let berlin = zone("Europe/Berlin").unwrap();
        let at = |text: &str| text.parse::<When>().unwrap().in_zone(&berlin).to_string();
        assert_eq!(at("2026-03-02"), "2026-03-01T23:00:00Z");
        assert_eq!(at("2026-07-02T09:30"), "2026-07-02T07:30:00Z");
        assert_eq!(at("2026-03-02T09:00:00Z"), "2026-03-02T09:00:00Z");
        assert_eq!(at("2026-03-02T09:00:00-05:00"), "2026-03-02T14:00:00Z");
        assert!("tomorrow".parse::<When>().is_err());
        assert!("2026-13-02".parse::<When>().is_err());
    }

    #[test]
    fn a_span_across_midnight_names_both_days() {
        let utc = TimeZone::UTC;
        let at = |text: &str| text.parse().unwrap();
        let within = span(at("2026-03-02T09:00:00Z"), at("2026-03-02T10:30:00Z"), &utc);
        assert_eq!(within, "Mon 2026-03-02 09:00 - 10:30");
        let across = span(at("2026-03-02T22:00:00Z"), at("2026-03-03T00:00:00Z"), &utc);
        assert_eq!(across, "Mon 2026-03-02 22:00 - Tue 2026-03-03 00:00");
    }
}
