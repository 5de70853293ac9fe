//! From wall clocks to instants, as RFC 5545 3.3.5 says: a time in a gap has the offset from before the
//! gap, a time that happens twice is the first of the two.

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::{AmbiguousOffset, Offset, TimeZone},
};

pub(crate) const DAY_S: i64 = 86_400;

/// The instant of a wall-clock time; times beyond the calendar's ends are held at its ends.
pub fn instant(at: DateTime, zone: &TimeZone) -> Timestamp {
    zone.to_ambiguous_timestamp(at).compatible().unwrap_or_else(|_| held(at))
}

/// The first instant of a day: its midnight or, where the clock jumps over midnight, the instant of the jump.
pub fn day_start(day: Date, zone: &TimeZone) -> Timestamp {
    let midnight = day.to_datetime(jiff::civil::Time::midnight());
    let ambiguous = zone.to_ambiguous_timestamp(midnight);
    if let AmbiguousOffset::Gap { after, .. } = ambiguous.offset() {
        let before_jump = after.to_timestamp(midnight).unwrap_or_else(|_| held(midnight));
        let jump = zone.following(before_jump).next();
        if let Some(jump) = jump.filter(|jump| jump.timestamp() > before_jump) {
            return jump.timestamp();
        }
    }
    ambiguous.compatible().unwrap_or_else(|_| held(midnight))
}

/// A wall-clock time in seconds since 1970 on the same wall clock; fractions are left out.
pub(crate) fn wall_s(at: DateTime) -> i64 {
    TimeZone::UTC.to_timestamp(at).map_or_else(|_| held(at).as_second(), Timestamp::as_second)
}

fn held(at: DateTime) -> Timestamp {
    if at.year() > 0 { Timestamp::MAX } else { Timestamp::MIN }
}

/// Maps wall-clock seconds of one zone to instants, remembering the stretch between two clock changes it is in.
/// Finding a stretch costs several single questions, so it is done only for times that lie close to each other.
///
/// With the rules above, the instant is `wall - offset`, where the offset is a step function of the wall
/// clock: it steps at the later of the two wall-clock readings of each change.
#[derive(Debug)]
pub(crate) struct WallClock {
    zone: TimeZone,
    from: i64,
    to: i64,
    offset: i64,
    /// The clock change that ends the stretch.
    change: i64,
    /// The time that was asked about last.
    last: i64,
}

/// Times further apart than this rarely lie in one stretch.
const FAR_S: i64 = 100 * DAY_S;

impl WallClock {
    pub(crate) fn new(zone: TimeZone) -> Self {
        Self { zone, from: 0, to: 0, offset: 0, change: 0, last: i64::MIN }
    }

    pub(crate) fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The instant, in seconds since 1970, of a wall clock that shows `wall` seconds since 1970.
    pub(crate) fn instant(&mut self, wall: i64) -> i64 {
        if !(self.from <= wall && wall < self.to) {
            let is_far = wall.saturating_sub(self.last).saturating_abs() > FAR_S;
            if !(is_far && self.ask(wall)) {
                self.enter(wall);
            }
        }
        self.last = wall;
        wall.saturating_sub(self.offset)
    }

    /// The first instant of the day whose midnight is `wall`; see [`day_start`].
    pub(crate) fn day_start(&mut self, wall: i64) -> i64 {
        self.instant(wall).min(self.change)
    }

    /// What the wall clock shows at an instant.
    pub(crate) fn wall(&self, instant: i64) -> i64 {
        instant.saturating_add(self.offset_at(instant))
    }

    /// Bounds of what the wall clock shows (or skips) for the instants from `from` to `to`.
    pub(crate) fn reach(&self, from: i64, to: i64) -> (i64, i64) {
        let around = |at: i64| (self.offset_at(at), self.offset_at(at.saturating_sub(DAY_S)));
        let (a, b) = around(from);
        let (c, d) = around(to);
        (from.saturating_add(a.min(b)), to.saturating_add(c.max(d)))
    }

    fn offset_at(&self, instant: i64) -> i64 {
        i64::from(self.zone.to_offset(at_second(instant)).seconds())
    }

    /// Finds the offset for this one second, and whether that was all there is to know.
    fn ask(&mut self, wall: i64) -> bool {
        let at = Offset::UTC.to_datetime(at_second(wall));
        let offset = match self.zone.to_ambiguous_timestamp(at).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Fold { before, .. } => before,
            AmbiguousOffset::Gap { .. } => return false,
        };
        (self.from, self.to) = (wall, wall.saturating_add(1));
        (self.offset, self.change) = (i64::from(offset.seconds()), i64::MAX);
        true
    }

    fn enter(&mut self, wall: i64) {
        // A guess one day early is before every change that could matter for `wall`.
        let mut at = wall.saturating_sub(self.offset_at(wall)).saturating_sub(2 * DAY_S);
        let mut offset = self.offset_at(at);
        self.from = i64::MIN;
        self.to = i64::MAX;
        self.change = i64::MAX;
        for change in self.zone.following(at_second(at)) {
            // jiff 0.2 answers the last change for ever where a zone's rules end with it.
            if change.timestamp().as_second() <= at {
                break;
            }
            at = change.timestamp().as_second();
            let next = i64::from(change.offset().seconds());
            let step = at.saturating_add(offset.max(next));
            if wall < step {
                (self.to, self.change) = (step, at);
                break;
            }
            self.from = step;
            offset = next;
        }
        if self.from == i64::MIN {
            self.from = wall;
        }
        self.offset = offset;
    }
}

/// The instant of a second since 1970; beyond the ends of time it is the end.
pub(crate) fn at_second(second: i64) -> Timestamp {
    let held = second.clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    Timestamp::from_second(held).expect("the bounds of Timestamp are valid")
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::model::time::tzdb;

    #[test]
    fn a_remembered_clock_answers_like_a_single_question_near_and_far() {
        for name in
            ["Europe/Berlin", "America/New_York", "Pacific/Apia", "Australia/Lord_Howe", "UTC"]
        {
            let zone = tzdb().zone(name).unwrap();
            let (mut clock, mut days) =
                (WallClock::new(zone.clone()), WallClock::new(zone.clone()));
            let first = date(2009, 1, 1).at(2, 30, 0, 0);
            for (hours, times) in
                [(1, 9_000), (24, 1_500), (24 * 91, 90), (24 * 365, 80), (-8_762, 80)]
            {
                for turn in 0..times {
                    let at = first + jiff::SignedDuration::from_hours(hours * turn);
                    assert_eq!(
                        clock.instant(wall_s(at)),
                        instant(at, &zone).as_second(),
                        "{name} {at}"
                    );
                    let midnight = wall_s(at.date().to_datetime(jiff::civil::Time::midnight()));
                    let begins = day_start(at.date(), &zone).as_second();
                    assert_eq!(days.day_start(midnight), begins, "{name} {at}");
                }
            }
        }
    }
}
