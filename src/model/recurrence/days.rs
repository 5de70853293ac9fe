//! Sets of days and of times of day: what one period of a rule holds.

use super::civil::weekday;
use crate::model::time::DAY_S;

const WORDS: usize = 6;

/// Every seventh bit, beginning with the lowest.
const WEEKLY: u64 = 0x8102_0408_1020_4081;

/// A set of days within 384 days of its first: room for a year and the weeks that cross its ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Days {
    first: i64,
    bits: [u64; WORDS],
}

impl Days {
    pub(super) fn none(first: i64) -> Self {
        Self { first, bits: [0; WORDS] }
    }

    pub(super) fn one(day: i64) -> Self {
        Self::of(day, 1)
    }

    /// The days `first + n` for the bits `n` that are set.
    pub(super) fn of(first: i64, bits: u64) -> Self {
        Self { first, bits: [bits, 0, 0, 0, 0, 0] }
    }

    /// Adds the days `from + n` for the bits `n` that are set. Days out of reach are left out.
    pub(super) fn add(&mut self, from: i64, bits: u64) {
        let Ok(at) = usize::try_from(from - self.first) else { return };
        let (word, shift) = (at / 64, at % 64);
        if let Some(low) = self.bits.get_mut(word) {
            *low |= bits << shift;
        }
        if let Some(high) = self.bits.get_mut(word + 1).filter(|_| shift > 0) {
            *high |= bits >> (64 - shift);
        }
    }

    /// Keeps the days that `other`, a set with the same first day, holds too.
    pub(super) fn keep(&mut self, other: &Self) {
        self.bits.iter_mut().zip(other.bits).for_each(|(mine, theirs)| *mine &= theirs);
    }

    pub(super) fn len(&self) -> i64 {
        self.bits.iter().map(|word| i64::from(word.count_ones())).sum()
    }

    pub(super) fn into_iter(self) -> impl Iterator<Item = i64> {
        (self.first..)
            .step_by(64)
            .zip(self.bits)
            .flat_map(|(first, word)| ones(word).map(move |bit| first + bit))
    }
}

/// The times of day of a period: every combination of an hour, a minute and a second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub hours: u64,
    pub minutes: u64,
    pub seconds: u64,
}

impl Times {
    pub(super) fn len(self) -> i64 {
        [self.hours, self.minutes, self.seconds]
            .iter()
            .map(|mask| i64::from(mask.count_ones()))
            .product()
    }

    /// The times in `[from, to]`, sorted.
    fn between(self, from: i64, to: i64) -> impl Iterator<Item = i64> {
        let overlaps = move |at: i64, len: i64| at + len > from && at <= to;
        let hours = ones(self.hours).map(|hour| hour * 3600).filter(move |at| overlaps(*at, 3600));
        let minutes = move |hour: i64| ones(self.minutes).map(move |minute| hour + minute * 60);
        let seconds = move |minute: i64| ones(self.seconds).map(move |second| minute + second);
        hours
            .flat_map(minutes)
            .filter(move |at| overlaps(*at, 60))
            .flat_map(seconds)
            .filter(move |at| overlaps(*at, 1))
    }

    fn nth(self, place: i64) -> Option<i64> {
        let nth = |mask: u64, n: i64| ones(mask).nth(usize::try_from(n).ok()?);
        let (minutes, seconds) =
            (i64::from(self.minutes.count_ones()), i64::from(self.seconds.count_ones()));
        let hour = nth(self.hours, place / (minutes * seconds))?;
        let minute = nth(self.minutes, place / seconds % minutes)?;
        Some(hour * 3600 + minute * 60 + nth(self.seconds, place % seconds)?)
    }

    /// How many of the times are at or before a time of day.
    fn up_to(self, time: i64) -> i64 {
        let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
        let below = |mask: u64, n: i64| i64::from((mask & ((1 << n) - 1)).count_ones());
        let has = |mask: u64, n: i64| i64::try_from(mask >> n & 1).unwrap_or(0);
        let (minutes, seconds) = (below(self.minutes, 60), below(self.seconds, 60));
        let in_minute = below(self.seconds, second + 1);
        let in_hour = below(self.minutes, minute) * seconds + has(self.minutes, minute) * in_minute;
        below(self.hours, hour) * minutes * seconds + has(self.hours, hour) * in_hour
    }
}

/// What one period of a rule holds: each of the times on each of the days.
#[derive(Clone, Copy, Debug)]
pub(super) struct Period {
    pub days: Days,
    pub times: Times,
}

impl Period {
    pub(super) fn len(&self) -> i64 {
        self.days.len() * self.times.len()
    }

    /// How many starts of the period lie at or before `wall`.
    pub(super) fn up_to(&self, wall: i64) -> i64 {
        let (day, time) = (wall.div_euclid(DAY_S), wall.rem_euclid(DAY_S));
        let whole_days = self.days.into_iter().take_while(|d| *d < day).count();
        let on_that_day = self.days.into_iter().any(|d| d == day);
        let whole = i64::try_from(whole_days).unwrap_or(i64::MAX) * self.times.len();
        whole + if on_that_day { self.times.up_to(time) } else { 0 }
    }

    /// The starts in `[from, to]`, sorted.
    pub(super) fn between(&self, from: i64, to: i64) -> impl Iterator<Item = i64> {
        let (first, last) = (from.div_euclid(DAY_S), to.div_euclid(DAY_S));
        let times = self.times;
        let on_day = move |day: i64| {
            let (from, to) = (from - day * DAY_S, to - day * DAY_S);
            times.between(from, to).map(move |time| day * DAY_S + time)
        };
        let days = self.days;
        days.into_iter().filter(move |day| (first..=last).contains(day)).flat_map(on_day)
    }

    /// The start at a place, counted from 0.
    pub(super) fn nth(&self, place: i64) -> Option<i64> {
        let times = self.times.len().max(1);
        let day = self.days.into_iter().nth(usize::try_from(place / times).ok()?)?;
        Some(day * DAY_S + self.times.nth(place % times)?)
    }
}

/// The places of the bits that are set, lowest first.
pub(super) fn ones(mut mask: u64) -> impl Iterator<Item = i64> {
    std::iter::from_fn(move || {
        let bit = mask.trailing_zeros();
        mask = mask.checked_sub(1).map_or(0, |less| mask & less);
        (bit < 64).then_some(i64::from(bit))
    })
}

/// The lowest `n` bits.
pub(super) fn lowest(n: u32) -> u64 {
    u64::MAX.checked_shr(64 - n).unwrap_or(0)
}

/// The days of a month that fall on one of `weekdays`, bit 0 being the day `first`.
pub(super) fn on_weekdays(weekdays: u64, first: i64) -> u64 {
    let first = weekday(first);
    (0..7)
        .filter(|day| weekdays >> day & 1 == 1)
        .fold(0, |all, day| all | WEEKLY << ((day + 7 - first) % 7))
}

/// The place of the nth weekday among the `len` days from `first`, counted from the end when negative.
pub(super) fn nth_weekday(nth: i64, day: u32, first: i64, len: u32) -> Option<i64> {
    let last = i64::from(len) - 1;
    let place = if nth > 0 {
        i64::from((day + 7 - weekday(first)) % 7) + 7 * (nth - 1)
    } else {
        last - i64::from((weekday(first + last) + 7 - day) % 7) + 7 * (nth + 1)
    };
    (0..=last).contains(&place).then_some(place)
}
