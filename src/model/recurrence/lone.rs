//! Rules that have exactly one start a period, as most do: each start is plain arithmetic on its period's number.

use super::{
    civil::{day_number, month_len},
    days::{nth_weekday, ones},
    pattern::{Pattern, month_of},
    rule::Freq,
};
use crate::model::time::DAY_S;

/// Where the one start of a period is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lone {
    /// Evenly spaced, whatever the calendar.
    Stride { base: i64, step: i64 },
    /// On a day of a month (of every one, or of this one of a year), at a time of day.
    InMonth { month: Option<u32>, day: Day, time: i64 },
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Day {
    Nth(i64),
    NthFromEnd(i64),
    Weekday(i64, u32),
}

impl Lone {
    /// `None` when the periods of a rule have not all exactly one start, or that is not plain to see.
    pub(super) fn of(pattern: &Pattern) -> Option<Self> {
        let rule = pattern.rule();
        if !rule.positions.is_empty() || pattern.starts_a_period() != Some(1) {
            return None;
        }
        let base = pattern.period(0).ok()?.nth(0)?;
        let stride =
            |unit_s: i64| Some(Self::Stride { base, step: unit_s.saturating_mul(rule.interval) });
        let month = match rule.freq {
            Freq::Secondly => return stride(1),
            Freq::Minutely => return stride(60),
            Freq::Hourly => return stride(3600),
            Freq::Daily => return stride(DAY_S),
            Freq::Weekly => return stride(7 * DAY_S),
            Freq::Monthly => None,
            Freq::Yearly => Some(u32::try_from(ones(rule.months).next()?).ok()?),
        };
        let day = match (ones(rule.month_days).next(), ones(rule.last_month_days).next()) {
            (Some(nth), None) => Day::Nth(nth),
            (None, Some(nth)) => Day::NthFromEnd(nth),
            _ => rule.nth_weekdays.first().map(|(nth, day)| Day::Weekday(*nth, *day))?,
        };
        Some(Self::InMonth { month, day, time: base.rem_euclid(DAY_S) })
    }

    /// The start of a period.
    pub(super) fn start(self, pattern: &Pattern, number: i64) -> i64 {
        match self {
            Self::Stride { base, step } => base.saturating_add(number.saturating_mul(step)),
            Self::InMonth { month, day, time } => {
                let unit = pattern.unit(number);
                let (year, month) = match month {
                    Some(month) => (unit, month),
                    None => (unit.div_euclid(12), month_of(unit)),
                };
                let first = day_number(year, month, 1);
                let len = month_len(year, month);
                let place = match day {
                    Day::Nth(nth) => nth - 1,
                    Day::NthFromEnd(nth) => i64::from(len) - nth,
                    // Every month has the first to fourth, from either end.
                    Day::Weekday(nth, day) => nth_weekday(nth, day, first, len).unwrap_or(0),
                };
                (first + place) * DAY_S + time
            }
        }
    }
}
