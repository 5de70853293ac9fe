//! VTIMEZONEs that came along with an event, evaluated as given.

use std::sync::OnceLock;

use jiff::{civil::DateTime, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::wall_s;
use crate::model::recurrence::{Budget, onsets};

/// One STANDARD or DAYLIGHT block.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Observance {
    pub daylight: bool,
    /// DTSTART, in the wall clock of `offset_from_s`.
    pub starts: DateTime,
    pub offset_from_s: i32,
    pub offset_to_s: i32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rdates: Vec<DateTime>,
}

/// An embedded VTIMEZONE.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ZoneDefinition {
    pub tzid: String,
    /// Public names that the definition gives itself (`X-LIC-LOCATION` and the like): tried before the rules.
    pub aliases: Vec<String>,
    pub observances: Vec<Observance>,
}

/// The rules of an embedded VTIMEZONE.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CustomZone {
    pub name: String,
    pub observances: Vec<Observance>,
    #[serde(skip)]
    rules: Evaluated,
}

impl CustomZone {
    /// Keeps the rules of a definition, or `None` when they cannot be evaluated.
    pub fn new(definition: &ZoneDefinition) -> Option<Self> {
        let zone = Self {
            name: definition.tzid.clone(),
            observances: definition.observances.clone(),
            rules: Evaluated::default(),
        };
        zone.time_zone().is_some().then_some(zone)
    }

    /// The rules, worked out at first use.
    pub fn time_zone(&self) -> Option<TimeZone> {
        self.rules.0.get_or_init(|| evaluate(&self.observances)).clone()
    }
}

/// What follows from the other fields, and so has no part in equality.
#[derive(Clone, Debug, Default)]
struct Evaluated(OnceLock<Option<TimeZone>>);

impl PartialEq for Evaluated {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
impl Eq for Evaluated {}
impl std::hash::Hash for Evaluated {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}

/// Onsets are worked out for these years (as seconds since 1970: 1900 to 2200); the last one holds from then on.
const YEARS: (i64, i64) = (-2_208_988_800, 7_258_118_400);

/// Writes the onsets down as the compiled form of a zone (RFC 9636), which jiff reads.
fn evaluate(observances: &[Observance]) -> Option<TimeZone> {
    let first = observances.iter().min_by_key(|observance| observance.starts)?;
    let mut onsets = Vec::new();
    let mut budget = Budget::default();
    for observance in observances {
        onsets.extend(observance.onsets(&mut budget)?);
    }
    // Where two observances begin at once, the one written later holds.
    onsets.reverse();
    onsets.sort_by_key(|(at, _)| *at);
    onsets.dedup_by_key(|(at, _)| *at);
    let mut offsets: Vec<i32> = vec![first.offset_from_s];
    let mut file = Vec::from(*b"TZif2");
    file.extend([0; 15]);
    file.extend(counts(0, 1));
    file.extend(local_time_type(0));
    file.push(0);
    file.extend(*b"TZif2");
    file.extend([0; 15]);
    let mut types = Vec::with_capacity(onsets.len());
    for (_, offset) in &onsets {
        let place = offsets.iter().position(|known| known == offset).unwrap_or_else(|| {
            offsets.push(*offset);
            offsets.len() - 1
        });
        types.push(u8::try_from(place).ok()?);
    }
    file.extend(counts(u32::try_from(onsets.len()).ok()?, u32::try_from(offsets.len()).ok()?));
    file.extend(onsets.iter().flat_map(|(at, _)| at.to_be_bytes()));
    file.extend(types);
    file.extend(offsets.iter().copied().flat_map(local_time_type));
    file.extend(*b"\0\n\n");
    TimeZone::tzif("", &file).ok()
}

/// The six counts of a header: only transitions, types and one empty designation are there.
fn counts(transitions: u32, types: u32) -> impl Iterator<Item = u8> {
    [0, 0, 0, transitions, types, 1].into_iter().flat_map(u32::to_be_bytes)
}

fn local_time_type(offset: i32) -> impl Iterator<Item = u8> {
    offset.to_be_bytes().into_iter().chain([0, 0])
}

impl Observance {
    /// The instants at which this observance begins to hold, and its offset. `None` when its rule cannot be read.
    fn onsets(&self, budget: &mut Budget) -> Option<Vec<(i64, i32)>> {
        let offset_from = i64::from(self.offset_from_s);
        let start = wall_s(self.starts);
        let mut walls = match &self.rule {
            Some(rule) => onsets(start, offset_from, rule, YEARS, budget)?,
            None => Vec::new(),
        };
        walls.extend(self.rdates.iter().map(|at| wall_s(*at)));
        // Onsets before the years kept still decide what holds when those begin.
        walls.push(start);
        walls.sort_unstable();
        walls.dedup();
        let most = YEARS.1;
        let walls = walls.into_iter().filter(|wall| *wall <= most);
        Some(walls.map(|wall| (wall - offset_from, self.offset_to_s)).collect())
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::datetime;

    use super::*;

    fn observance(
        daylight: bool,
        starts: DateTime,
        offsets: (i32, i32),
        rule: Option<&str>,
    ) -> Observance {
        Observance {
            daylight,
            starts,
            offset_from_s: offsets.0,
            offset_to_s: offsets.1,
            rule: rule.map(str::to_owned),
            rdates: Vec::new(),
        }
    }

    fn zone(observances: Vec<Observance>) -> TimeZone {
        let definition =
            ZoneDefinition { tzid: "Private".to_owned(), aliases: Vec::new(), observances };
        CustomZone::new(&definition).unwrap().time_zone().unwrap()
    }

    fn utc(zone: &TimeZone, at: DateTime) -> String {
        super::super::instant(at, zone).to_string()
    }

    #[test]
    fn rules_that_begin_in_1601_hold_in_every_year() {
        let zone = zone(vec![
            observance(
                false,
                datetime(1601, 1, 1, 3, 0, 0, 0),
                (7200, 3600),
                Some("FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10"),
            ),
            observance(
                true,
                datetime(1601, 1, 1, 2, 0, 0, 0),
                (3600, 7200),
                Some("FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3"),
            ),
        ]);
        let berlin = super::super::tzdb().zone("Europe/Berlin").unwrap();
        for year in [2007, 2026, 2027, 2099] {
            for (month, day) in [(1, 1), (3, 31), (7, 1), (10, 31), (12, 31)] {
                let at = datetime(year, month, day, 12, 0, 0, 0);
                assert_eq!(utc(&zone, at), utc(&berlin, at), "{at}");
            }
        }
        assert_eq!(utc(&zone, datetime(2027, 3, 28, 2, 30, 0, 0)), "2027-03-28T01:30:00Z");
        assert_eq!(utc(&zone, datetime(2027, 10, 31, 2, 30, 0, 0)), "2027-10-31T00:30:00Z");
    }

    #[test]
    fn until_ends_a_rule_and_a_later_rule_takes_over() {
        let zone = zone(vec![
            observance(
                true,
                datetime(1987, 4, 5, 2, 0, 0, 0),
                (-18000, -14400),
                Some("FREQ=YEARLY;BYMONTH=4;BYDAY=1SU;UNTIL=20060402T070000Z"),
            ),
            observance(
                true,
                datetime(2007, 3, 11, 2, 0, 0, 0),
                (-18000, -14400),
                Some("FREQ=YEARLY;BYMONTH=3;BYDAY=2SU"),
            ),
            observance(
                false,
                datetime(1967, 10, 29, 2, 0, 0, 0),
                (-14400, -18000),
                Some("FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU;UNTIL=20061029T060000Z"),
            ),
            observance(
                false,
                datetime(2007, 11, 4, 2, 0, 0, 0),
                (-14400, -18000),
                Some("FREQ=YEARLY;BYMONTH=11;BYDAY=1SU"),
            ),
        ]);
        let york = super::super::tzdb().zone("America/New_York").unwrap();
        for (year, month) in [
            (1999, 4),
            (2006, 3),
            (2006, 4),
            (2006, 11),
            (2007, 3),
            (2007, 4),
            (2027, 3),
            (2027, 11),
        ] {
            let at = datetime(year, month, 20, 9, 0, 0, 0);
            assert_eq!(utc(&zone, at), utc(&york, at), "{at}");
        }
    }

    #[test]
    fn a_definition_may_have_dates_only_or_no_standard_time_or_no_offset_at_all() {
        let mut dated = observance(true, datetime(2027, 3, 1, 0, 0, 0, 0), (0, 3600), None);
        dated.rdates = vec![datetime(2027, 6, 1, 0, 0, 0, 0)];
        let back = observance(false, datetime(2027, 4, 1, 0, 0, 0, 0), (3600, 0), None);
        let dates_only = zone(vec![dated, back]);
        assert_eq!(utc(&dates_only, datetime(2027, 3, 15, 9, 0, 0, 0)), "2027-03-15T08:00:00Z");
        assert_eq!(utc(&dates_only, datetime(2027, 5, 15, 9, 0, 0, 0)), "2027-05-15T09:00:00Z");
        assert_eq!(utc(&dates_only, datetime(2027, 7, 15, 9, 0, 0, 0)), "2027-07-15T08:00:00Z");
        let no_standard =
            zone(vec![observance(true, datetime(1970, 1, 1, 0, 0, 0, 0), (7200, 7200), None)]);
        assert_eq!(utc(&no_standard, datetime(2027, 7, 15, 9, 0, 0, 0)), "2027-07-15T07:00:00Z");
        let zero = zone(vec![observance(false, datetime(1601, 1, 1, 0, 0, 0, 0), (0, 0), None)]);
        assert_eq!(utc(&zero, datetime(2027, 7, 15, 9, 0, 0, 0)), "2027-07-15T09:00:00Z");
    }

    #[test]
    fn a_definition_that_cannot_be_read_is_no_zone() {
        let bad =
            observance(false, datetime(1601, 1, 1, 0, 0, 0, 0), (0, 0), Some("FREQ=SOMETIMES"));
        for observances in [vec![], vec![bad]] {
            let definition =
                ZoneDefinition { tzid: "X".to_owned(), aliases: Vec::new(), observances };
            assert_eq!(CustomZone::new(&definition), None);
        }
    }
}
