//! How a component reads its times: by which wall clock, in whole days or not, and for how long.

use jiff::{civil::Date, tz::TimeZone};

use super::civil::day_number;
use crate::model::{
    event::{Length, Moment},
    time::{DAY_S, WallClock, Zone, wall_s},
};

/// A start on a component's wall clock and the instant it is, both in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Start {
    pub wall: i64,
    pub instant: i64,
}

/// How long an instance lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Exact(i64),
    /// Days on the wall clock, then exact seconds.
    Nominal {
        days: i64,
        seconds: i64,
    },
}

impl Extent {
    /// A bound on what passes between the start and the end of an instance, clock changes included.
    pub(super) fn longest(self) -> i64 {
        match self {
            Self::Exact(seconds) => seconds,
            Self::Nominal { days, seconds } => {
                days.saturating_add(1).saturating_mul(DAY_S).saturating_add(seconds)
            }
        }
    }
}

/// The clock that a component's DTSTART is written by.
#[derive(Debug)]
pub(super) struct Clock<'a> {
    wall: WallClock,
    zone: Option<&'a Zone>,
    owner: &'a TimeZone,
    pub is_all_day: bool,
    /// False when nobody knows the zone and the owner's stands in for it.
    pub is_certain: bool,
}

impl<'a> Clock<'a> {
    pub(super) fn of(start: &'a Moment, owner: &'a TimeZone) -> Self {
        let (zone, is_certain, named) = match start {
            Moment::Date(_) | Moment::Floating(_) => (owner.clone(), true, None),
            Moment::Utc(_) => (TimeZone::UTC, true, None),
            Moment::Zoned(_, named) => match named.time_zone() {
                Some(zone) => (zone, true, Some(named)),
                None => (owner.clone(), false, Some(named)),
            },
        };
        let is_all_day = matches!(start, Moment::Date(_));
        Self { wall: WallClock::new(zone), zone: named, owner, is_all_day, is_certain }
    }

    /// The component's own start.
    pub(super) fn start(&mut self, at: &Moment) -> Start {
        self.read(at, 0)
    }

    /// Reads another time of the component by its clock. A date among times of day is taken at `time_of_day`,
    /// a time among dates as its day, and a floating time belongs to the component's own zone.
    pub(super) fn read(&mut self, at: &Moment, time_of_day: i64) -> Start {
        if self.is_all_day {
            return self.at(self.day(at) * DAY_S);
        }
        match at {
            Moment::Date(date) => self.at(day_of(*date) * DAY_S + time_of_day),
            Moment::Floating(at) => self.at(wall_s(*at)),
            Moment::Zoned(at, zone) if self.zone == Some(zone) => self.at(wall_s(*at)),
            Moment::Zoned(at, zone) => {
                let zone = zone.time_zone().unwrap_or_else(|| self.owner.clone());
                self.seen(WallClock::new(zone).instant(wall_s(*at)))
            }
            Moment::Utc(at) => self.seen(at.as_second()),
        }
    }

    /// Whether both show the same wall-clock time at every instant.
    pub(super) fn reads_like(&self, other: &Self) -> bool {
        self.wall.zone() == other.wall.zone()
    }

    /// The start that this wall clock shows as `wall`.
    pub(super) fn at(&mut self, wall: i64) -> Start {
        let instant =
            if self.is_all_day { self.wall.day_start(wall) } else { self.wall.instant(wall) };
        Start { wall, instant }
    }

    /// What this wall clock shows at an instant.
    pub(super) fn seen(&self, instant: i64) -> Start {
        Start { wall: self.wall.wall(instant), instant }
    }

    /// The day a time falls on, as its writer saw it. Midnight in UTC is how many write a day.
    pub(super) fn day(&self, at: &Moment) -> i64 {
        match at {
            Moment::Date(date) => day_of(*date),
            Moment::Floating(at) | Moment::Zoned(at, _) => day_of(at.date()),
            Moment::Utc(at) if at.as_second().rem_euclid(DAY_S) == 0 => at.as_second() / DAY_S,
            Moment::Utc(at) => day_of(self.wall.zone().to_datetime(*at).date()),
        }
    }

    /// How long instances last (`providers.md` 5.2). Ends before the start, and ends of the other type, are
    /// read by the type of the start.
    pub(super) fn extent(&mut self, start: Start, length: &Length) -> Extent {
        if self.is_all_day {
            let whole = |seconds: i64| seconds.saturating_add(DAY_S - 1).div_euclid(DAY_S);
            let days = match length {
                Length::Days(days) => *days,
                Length::Nominal { days, seconds } => days.saturating_add(whole(*seconds)),
                Length::Until(end) => {
                    let begun = matches!(end, Moment::Floating(at) | Moment::Zoned(at, _) if wall_s(*at).rem_euclid(DAY_S) > 0);
                    self.day(end) + i64::from(begun) - start.wall.div_euclid(DAY_S)
                }
            };
            return Extent::Nominal { days: days.max(1), seconds: 0 };
        }
        match length {
            Length::Days(days) => Extent::Nominal { days: (*days).max(0), seconds: 0 },
            Length::Nominal { days: 0, seconds } => Extent::Exact((*seconds).max(0)),
            Length::Nominal { days, seconds } => Extent::Nominal { days: *days, seconds: *seconds },
            Length::Until(end) => {
                let end = self.read(end, 0);
                // A start in a gap moves later, maybe past its end; then the length on the clock is meant.
                let on_the_clock = end.wall - start.wall;
                let exact = end.instant - start.instant;
                Extent::Exact(if exact <= 0 { on_the_clock } else { exact }.max(0))
            }
        }
    }

    /// The instant an instance ends, never before it starts.
    pub(super) fn end(&mut self, start: Start, extent: Extent) -> i64 {
        match extent {
            Extent::Exact(seconds) => start.instant.saturating_add(seconds),
            Extent::Nominal { days, seconds } => {
                let wall = start.wall.saturating_add(days.saturating_mul(DAY_S));
                self.at(wall).instant.saturating_add(seconds).max(start.instant)
            }
        }
    }

    /// Bounds, on this wall clock, of all starts whose instants lie between the two.
    pub(super) fn reach(&self, from: i64, to: i64) -> (i64, i64) {
        self.wall.reach(from, to)
    }
}

fn day_of(date: Date) -> i64 {
    let part = |n: i8| u32::from(n.unsigned_abs());
    day_number(i64::from(date.year()), part(date.month()), part(date.day()))
}
