//! A rule that has met its DTSTART: periods by number, and what each of them holds.
//!
//! Periods are numbered from the one that holds DTSTART, so any period is reached by arithmetic.

use super::{
    civil::{date, day_number, first_week, month_len, weekday, year_len},
    days::{Days, Period, Times, lowest, nth_weekday, on_weekdays, ones},
    rule::{Freq, Rule},
};
use crate::model::time::DAY_S;

const ALL_HOURS: u64 = (1 << 24) - 1;
const ALL_SIXTY: u64 = (1 << 60) - 1;

/// A rule whose missing parts have been taken from its DTSTART (RFC 5545 3.3.10).
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    rule: Rule,
    start: i64,
    /// The unit (year, month, week, day, hour ...) that holds DTSTART.
    origin: i64,
}

impl Pattern {
    pub(super) fn new(mut rule: Rule, start: i64) -> Self {
        fill_times(&mut rule, start.rem_euclid(DAY_S));
        fill_days(&mut rule, start.div_euclid(DAY_S));
        let origin = unit_of(&rule, start);
        Self { rule, start, origin }
    }

    pub(super) fn start(&self) -> i64 {
        self.start
    }

    pub(super) fn count(&self) -> Option<i64> {
        self.rule.count
    }

    /// The last period that opens at or before `wall`; the first one when that is earlier.
    pub(super) fn period_at(&self, wall: i64) -> i64 {
        (unit_of(&self.rule, wall.max(self.start)) - self.origin)
            .div_euclid(self.rule.interval)
            .max(0)
    }

    /// A wall-clock time at or before everything in a period and all later ones.
    pub(super) fn opens(&self, number: i64) -> i64 {
        let unit = self.unit(number);
        match self.rule.freq {
            Freq::Yearly => {
                (day_number(unit, 1, 1) - if self.rule.weeks.is_empty() { 0 } else { 3 }) * DAY_S
            }
            Freq::Monthly => day_number(unit.div_euclid(12), month_of(unit), 1) * DAY_S,
            Freq::Weekly => week_day(unit, self.rule.week_start) * DAY_S,
            Freq::Daily => unit * DAY_S,
            Freq::Hourly | Freq::Minutely | Freq::Secondly => unit * self.unit_s(),
        }
    }

    /// What a period holds, before BYSETPOS. When that is nothing, the number of the next period worth a look.
    pub(super) fn period(&self, number: i64) -> Result<Period, i64> {
        let rule = &self.rule;
        let unit = self.unit(number);
        let times = Times { hours: rule.hours, minutes: rule.minutes, seconds: rule.seconds };
        let days = match rule.freq {
            Freq::Yearly => self.days_of_year(unit),
            Freq::Monthly => {
                let (year, month) = (unit.div_euclid(12), month_of(unit));
                let bits = if self.has_month(month) { self.days_of_month(year, month) } else { 0 };
                Days::of(day_number(year, month, 1), bits)
            }
            Freq::Weekly => {
                let first = week_day(unit, rule.week_start);
                let bits = on_weekdays(rule.weekdays, first) & lowest(7);
                let admitted = |bit: &i64| rule.months == 0 || self.has_month(date(first + bit).1);
                Days::of(first, ones(bits).filter(admitted).fold(0, |all, bit| all | 1 << bit))
            }
            Freq::Daily if self.admits(unit) => Days::one(unit),
            Freq::Daily => return Err(number + 1),
            Freq::Hourly | Freq::Minutely | Freq::Secondly => {
                return self.within_day(number, times);
            }
        };
        Ok(Period { days, times })
    }

    /// Which places of a period's `len` starts BYSETPOS chooses, sorted; `None` for all of them.
    pub(super) fn places(&self, len: i64) -> Option<Vec<i64>> {
        let positions = &self.rule.positions;
        if positions.is_empty() {
            return None;
        }
        let place = |n: &i64| if *n > 0 { n - 1 } else { len + n };
        let mut places: Vec<i64> =
            positions.iter().map(place).filter(|p| (0..len).contains(p)).collect();
        places.sort_unstable();
        places.dedup();
        Some(places)
    }

    /// How many starts every period has, when that is plain to see to be the same number for all of them.
    pub(super) fn starts_a_period(&self) -> Option<i64> {
        let rule = &self.rule;
        let times = [rule.hours, rule.minutes, rule.seconds];
        let [hours, minutes, seconds] = times.map(|mask| i64::from(mask.count_ones()));
        let any_month = rule.months == 0;
        let any_day = any_month && !rule.has_days();
        let any_hour = any_day && rule.hours == ALL_HOURS;
        let any_minute = any_hour && rule.minutes == ALL_SIXTY;
        let a_day = hours * minutes * seconds;
        let len = match rule.freq {
            Freq::Yearly => (!any_month)
                .then(|| self.days_a_month())
                .flatten()
                .map(|days| days * i64::from(rule.months.count_ones()) * a_day),
            Freq::Monthly => {
                any_month.then(|| self.days_a_month()).flatten().map(|days| days * a_day)
            }
            Freq::Weekly => any_month.then(|| i64::from(rule.weekdays.count_ones()) * a_day),
            Freq::Daily => any_day.then_some(a_day),
            Freq::Hourly => any_hour.then_some(minutes * seconds),
            Freq::Minutely => any_minute.then_some(seconds),
            Freq::Secondly => (any_minute && rule.seconds == ALL_SIXTY).then_some(1),
        }?;
        Some(self.places(len).map_or(len, |places| i64::try_from(places.len()).unwrap_or(len)))
    }

    /// How many days the rule finds in a month, when that is the same for every month.
    fn days_a_month(&self) -> Option<i64> {
        let rule = &self.rule;
        let by_weekday = rule.weekdays != 0 || !rule.nth_weekdays.is_empty();
        let (from_start, from_end) = (rule.month_days, rule.last_month_days);
        let in_every_month = lowest(29);
        let one_way = from_start == 0 || from_end == 0;
        if !rule.year_days.is_empty() || !rule.weeks.is_empty() {
            None
        } else if !by_weekday {
            (one_way && (from_start | from_end) & !in_every_month == 0)
                .then_some(i64::from((from_start | from_end).count_ones()))
        } else {
            let mut nths = rule.nth_weekdays.clone();
            nths.sort_unstable();
            nths.dedup();
            let one_way = nths.iter().all(|(n, _)| (1..=4).contains(n))
                || nths.iter().all(|(n, _)| (-4..0).contains(n));
            (one_way && rule.weekdays == 0 && !rule.has_month_days())
                .then_some(i64::try_from(nths.len()).ok()?)
        }
    }

    pub(super) fn rule(&self) -> &Rule {
        &self.rule
    }

    pub(super) fn unit(&self, number: i64) -> i64 {
        self.origin.saturating_add(number.saturating_mul(self.rule.interval))
    }

    /// The period of an hour, minute or second. One that fails is skipped with all that must fail with it.
    fn within_day(&self, number: i64, mut times: Times) -> Result<Period, i64> {
        let opens = self.opens(number);
        let (day, time) = (opens.div_euclid(DAY_S), opens.rem_euclid(DAY_S));
        if !self.admits(day) {
            return Err(self.number_from((day + 1) * DAY_S));
        }
        let mut unit_s = DAY_S;
        for (mask, next_s) in
            [(&mut times.hours, 3600), (&mut times.minutes, 60), (&mut times.seconds, 1)]
        {
            let place = time % unit_s / next_s;
            if *mask >> place & 1 == 0 {
                let later = ones(*mask).find(|n| *n > place).unwrap_or(unit_s / next_s);
                return Err(self.number_from(opens - time % unit_s + later * next_s));
            }
            *mask = 1 << place;
            unit_s = next_s;
            if unit_s == self.unit_s() {
                break;
            }
        }
        Ok(Period { days: Days::one(day), times })
    }

    fn unit_s(&self) -> i64 {
        match self.rule.freq {
            Freq::Secondly => 1,
            Freq::Minutely => 60,
            Freq::Hourly => 3600,
            _ => DAY_S,
        }
    }

    /// The first period that opens at or after `wall`, the beginning of a day, hour, minute or second.
    fn number_from(&self, wall: i64) -> i64 {
        let units = unit_of(&self.rule, wall) - self.origin;
        (units + self.rule.interval - 1).div_euclid(self.rule.interval)
    }

    fn days_of_year(&self, year: i64) -> Days {
        let rule = &self.rule;
        let opens = day_number(year, 1, 1);
        let mut days = Days::none(opens - 3);
        if !rule.weeks.is_empty() {
            let first = first_week(year, rule.week_start);
            let count = (first_week(year + 1, rule.week_start) - first) / 7;
            for week in &rule.weeks {
                let place = if *week > 0 { week - 1 } else { count + week };
                if (0..count).contains(&place) {
                    let from = first + 7 * place;
                    let admitted =
                        (0..7).filter(|n| self.admits(from + n)).fold(0, |all, n| all | 1 << n);
                    days.add(from, admitted);
                }
            }
            return days;
        }
        for month in (1..=12).filter(|month| self.has_month(*month)) {
            days.add(day_number(year, month, 1), self.days_of_month(year, month));
        }
        let len = year_len(year);
        if !rule.year_days.is_empty() {
            let mut chosen = Days::none(opens - 3);
            for day in &rule.year_days {
                let place = if *day > 0 { day - 1 } else { i64::from(len) + day };
                if (0..i64::from(len)).contains(&place) {
                    chosen.add(opens + place, 1);
                }
            }
            days.keep(&chosen);
        }
        if !rule.nth_weekdays.is_empty() && rule.months == 0 {
            let mut chosen = Days::none(opens - 3);
            for week in 0..53 {
                chosen.add(opens + 7 * week, on_weekdays(rule.weekdays, opens) & lowest(7));
            }
            for (nth, day) in &rule.nth_weekdays {
                if let Some(place) = nth_weekday(*nth, *day, opens, len) {
                    chosen.add(opens + place, 1);
                }
            }
            days.keep(&chosen);
        }
        days
    }

    /// The days of a month by their number and weekday, bit 0 being the first. Weekdays that are numbered
    /// within the year are not looked at.
    fn days_of_month(&self, year: i64, month: u32) -> u64 {
        let rule = &self.rule;
        let (first, len) = (day_number(year, month, 1), month_len(year, month));
        let mut bits = lowest(len);
        if rule.has_month_days() {
            let from_end = ones(rule.last_month_days).filter(|n| *n <= i64::from(len));
            bits &=
                rule.month_days >> 1 | from_end.fold(0, |all, n| all | 1 << (i64::from(len) - n));
        }
        let numbered_in_month = rule.freq == Freq::Monthly || rule.months != 0;
        if rule.nth_weekdays.is_empty() && rule.weekdays != 0 {
            bits &= on_weekdays(rule.weekdays, first);
        } else if !rule.nth_weekdays.is_empty() && numbered_in_month {
            let nth = rule
                .nth_weekdays
                .iter()
                .filter_map(|(nth, day)| nth_weekday(*nth, *day, first, len));
            bits &= nth.fold(on_weekdays(rule.weekdays, first), |all, place| all | 1 << place);
        }
        bits
    }

    fn has_month(&self, month: u32) -> bool {
        self.rule.months == 0 || self.rule.months >> month & 1 == 1
    }

    /// Whether a day passes every part that limits days one by one.
    fn admits(&self, day: i64) -> bool {
        let rule = &self.rule;
        if rule.weekdays != 0 && rule.weekdays >> weekday(day) & 1 == 0 {
            return false;
        }
        if rule.months == 0 && !rule.has_month_days() && rule.year_days.is_empty() {
            return true;
        }
        let (year, month, of_month) = date(day);
        let to_end = month_len(year, month) + 1 - of_month;
        let of_year = day - day_number(year, 1, 1) + 1;
        let on_month_day =
            rule.month_days >> of_month & 1 == 1 || rule.last_month_days >> to_end & 1 == 1;
        let on_year_day = |n: &i64| *n == of_year || *n == of_year - i64::from(year_len(year)) - 1;
        self.has_month(month)
            && (!rule.has_month_days() || on_month_day)
            && (rule.year_days.is_empty() || rule.year_days.iter().any(on_year_day))
    }
}

fn fill_times(rule: &mut Rule, time: i64) {
    let fill = |mask: &mut u64, is_coarser: bool, own: i64, all: u64| {
        if *mask == 0 {
            *mask = if is_coarser { 1 << own } else { all };
        }
    };
    fill(&mut rule.hours, rule.freq < Freq::Hourly, time / 3600, ALL_HOURS);
    fill(&mut rule.minutes, rule.freq < Freq::Minutely, time / 60 % 60, ALL_SIXTY);
    fill(&mut rule.seconds, rule.freq < Freq::Secondly, time % 60, ALL_SIXTY);
}

fn fill_days(rule: &mut Rule, day: i64) {
    let (_, month, of_month) = date(day);
    if !rule.has_days() {
        match rule.freq {
            Freq::Yearly => {
                rule.months |= if rule.months == 0 { 1 << month } else { 0 };
                rule.month_days = 1 << of_month;
            }
            Freq::Monthly => rule.month_days = 1 << of_month,
            Freq::Weekly => rule.weekdays = 1 << weekday(day),
            _ => {}
        }
    } else if !rule.weeks.is_empty()
        && rule.weekdays == 0
        && !rule.has_month_days()
        && rule.year_days.is_empty()
    {
        // "BYWEEKNO=20" without BYDAY means DTSTART's weekday, as a missing BYDAY always does.
        rule.weekdays = 1 << weekday(day);
    }
    // The same set, and every week of it has the same number of starts.
    let is_weekly = rule.freq == Freq::Daily && rule.interval == 1 && rule.positions.is_empty();
    if is_weekly && rule.weekdays != 0 && !rule.has_month_days() {
        rule.freq = Freq::Weekly;
    }
}

fn unit_of(rule: &Rule, wall: i64) -> i64 {
    let day = wall.div_euclid(DAY_S);
    match rule.freq {
        Freq::Yearly if rule.weeks.is_empty() => date(day).0,
        Freq::Yearly => {
            // Weeks belong to the year that holds most of them.
            let year = date(day).0;
            let ended = day >= first_week(year + 1, rule.week_start);
            let begun = day >= first_week(year, rule.week_start);
            year - 1 + i64::from(begun) + i64::from(ended)
        }
        Freq::Monthly => {
            let (year, month, _) = date(day);
            year * 12 + i64::from(month) - 1
        }
        Freq::Weekly => (day + 3 - i64::from(rule.week_start)).div_euclid(7),
        Freq::Daily => day,
        Freq::Hourly => wall.div_euclid(3600),
        Freq::Minutely => wall.div_euclid(60),
        Freq::Secondly => wall,
    }
}

fn week_day(week: i64, week_start: u32) -> i64 {
    week * 7 - 3 + i64::from(week_start)
}

pub(super) fn month_of(unit: i64) -> u32 {
    u32::try_from(unit.rem_euclid(12)).unwrap_or(0) + 1
}
