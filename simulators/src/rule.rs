//! Recurrence rules, by listing the days of each period and keeping those that the rule's parts allow.
//!
//! Written for the simulator alone, so that it can bear witness against the hub's own expansion.

use jiff::{
    Timestamp, ToSpan as _,
    civil::{Date, DateTime, Time, Weekday},
    tz::TimeZone,
};

const MOST_PERIODS: i64 = 40_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Freq {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    Date(Date),
    Local(DateTime),
    At(Timestamp),
}

#[derive(Clone, Debug)]
pub(crate) struct Rule {
    freq: Freq,
    interval: i64,
    count: Option<usize>,
    until: Option<Until>,
    months: Vec<i8>,
    month_days: Vec<i8>,
    year_days: Vec<i16>,
    days: Vec<(i32, Weekday)>,
    hours: Vec<i8>,
    minutes: Vec<i8>,
    positions: Vec<i32>,
    week_start: Weekday,
}

fn weekday(name: &str) -> Option<Weekday> {
    match name {
        "MO" => Some(Weekday::Monday),
        "TU" => Some(Weekday::Tuesday),
        "WE" => Some(Weekday::Wednesday),
        "TH" => Some(Weekday::Thursday),
        "FR" => Some(Weekday::Friday),
        "SA" => Some(Weekday::Saturday),
        "SU" => Some(Weekday::Sunday),
        _ => None,
    }
}

/// `20270301`, `20270301T090000` or `20270301T090000Z`.
fn until(text: &str) -> Option<Until> {
    if text.len() == 8 {
        return Date::strptime("%Y%m%d", text).ok().map(Until::Date);
    }
    let local = DateTime::strptime("%Y%m%dT%H%M%S", text.trim_end_matches('Z')).ok()?;
    if text.ends_with('Z') {
        return TimeZone::UTC.to_timestamp(local).ok().map(Until::At);
    }
    Some(Until::Local(local))
}

fn numbers<T: std::str::FromStr>(list: &str) -> Option<Vec<T>> {
    list.split(',').map(|part| part.parse().ok()).collect()
}

impl Rule {
    /// Reads the value of an RRULE; `None` for what Google's calendar cannot hold.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut rule = Self {
            freq: Freq::Daily,
            interval: 1,
            count: None,
            until: None,
            months: Vec::new(),
            month_days: Vec::new(),
            year_days: Vec::new(),
            days: Vec::new(),
            hours: Vec::new(),
            minutes: Vec::new(),
            positions: Vec::new(),
            week_start: Weekday::Monday,
        };
        let mut has_freq = false;
        for part in text.trim().trim_end_matches(';').split(';') {
            let (name, value) = part.split_once('=')?;
            has_freq |= name.eq_ignore_ascii_case("FREQ");
            rule.take(&name.to_ascii_uppercase(), &value.to_ascii_uppercase())?;
        }
        (has_freq && !(rule.count.is_some() && rule.until.is_some())).then_some(rule)
    }

    fn take(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "FREQ" => {
                self.freq = match value {
                    "DAILY" => Freq::Daily,
                    "WEEKLY" => Freq::Weekly,
                    "MONTHLY" => Freq::Monthly,
                    "YEARLY" => Freq::Yearly,
                    _ => return None,
                }
            }
            "INTERVAL" => self.interval = value.parse().ok().filter(|n| *n > 0)?,
            "COUNT" => self.count = Some(value.parse().ok().filter(|n| *n > 0)?),
            "UNTIL" => self.until = Some(until(value)?),
            "BYMONTH" => self.months = numbers(value)?,
            "BYMONTHDAY" => self.month_days = numbers(value)?,
            "BYYEARDAY" => self.year_days = numbers(value)?,
            "BYHOUR" => self.hours = numbers(value)?,
            "BYMINUTE" => self.minutes = numbers(value)?,
            "BYSETPOS" => self.positions = numbers(value)?,
            "BYSECOND" if value == "0" => {}
            "WKST" => self.week_start = weekday(value)?,
            "BYDAY" => {
                let day = |part: &str| {
                    let (nth, name) = part.split_at_checked(part.len().checked_sub(2)?)?;
                    let nth = if nth.is_empty() { 0 } else { nth.parse().ok()? };
                    Some((nth, weekday(name)?))
                };
                self.days = value.split(',').map(day).collect::<Option<_>>()?;
            }
            _ => return None,
        }
        Some(())
    }

    pub(crate) fn is_endless(&self) -> bool {
        self.count.is_none() && self.until.is_none()
    }

    /// The starts of the rule in order, on the clocks of `zone`, as long as `goes_on` agrees, at most `most`.
    pub(crate) fn starts(
        &self,
        start: DateTime,
        zone: &TimeZone,
        most: usize,
        goes_on: impl Fn(DateTime) -> bool,
    ) -> Vec<DateTime> {
        let mut found = Vec::new();
        for turn in 0..MOST_PERIODS {
            let Some(days) = self.period(start.date(), turn) else { break };
            for one in self.chosen(&days, start) {
                if one < start {
                    continue;
                }
                let is_full = found.len() >= self.count.unwrap_or(most).min(most);
                if is_full || self.is_past(one, zone) || !goes_on(one) {
                    return found;
                }
                found.push(one);
            }
            if days.first().is_some_and(|day| !goes_on(day.to_datetime(Time::MIN))) {
                break;
            }
        }
        found
    }

    fn is_past(&self, one: DateTime, zone: &TimeZone) -> bool {
        match self.until {
            None => false,
            Some(Until::Date(date)) => one.date() > date,
            Some(Until::Local(local)) => one > local,
            Some(Until::At(at)) => zone.to_timestamp(one).is_ok_and(|one| one > at),
        }
    }

    /// The days of the n-th period after the start's.
    fn period(&self, start: Date, turn: i64) -> Option<Vec<Date>> {
        let steps = turn.checked_mul(self.interval)?;
        let run = |first: Date, days: i64| -> Option<Vec<Date>> {
            (0..days).map(|n| first.checked_add(n.days()).ok()).collect()
        };
        match self.freq {
            Freq::Daily => Some(vec![start.checked_add(steps.days()).ok()?]),
            Freq::Weekly => {
                let back = start.weekday().since(self.week_start);
                let first = start.checked_sub(i64::from(back).days()).ok()?;
                run(first.checked_add((steps.checked_mul(7)?).days()).ok()?, 7)
            }
            Freq::Monthly => {
                let first = start.first_of_month().checked_add(steps.months()).ok()?;
                run(first, i64::from(first.days_in_month()))
            }
            Freq::Yearly => {
                let first = start.first_of_year().checked_add(steps.years()).ok()?;
                run(first, i64::from(first.days_in_year()))
            }
        }
    }

    fn chosen(&self, days: &[Date], start: DateTime) -> Vec<DateTime> {
        let kept = days.iter().filter(|day| self.allows(**day, start.date()));
        let mut all: Vec<DateTime> = kept.flat_map(|day| self.times(*day, start)).collect();
        if self.positions.is_empty() {
            return all;
        }
        let length = i32::try_from(all.len()).unwrap_or(i32::MAX);
        let wanted: Vec<i32> =
            self.positions.iter().map(|n| if *n < 0 { length + n } else { n - 1 }).collect();
        let mut at = -1;
        all.retain(|_| {
            at += 1;
            wanted.contains(&at)
        });
        all
    }

    fn times(&self, day: Date, start: DateTime) -> Vec<DateTime> {
        let own = |list: &[i8], one: i8| if list.is_empty() { vec![one] } else { list.to_vec() };
        let minutes = own(&self.minutes, start.minute());
        let mut times: Vec<DateTime> = own(&self.hours, start.hour())
            .into_iter()
            .flat_map(|hour| minutes.iter().map(move |minute| (hour, *minute)))
            .filter_map(|(hour, minute)| Time::new(hour, minute, start.second(), 0).ok())
            .map(|time| day.to_datetime(time))
            .collect();
        times.sort();
        times
    }

    fn allows(&self, day: Date, start: Date) -> bool {
        let from_end = |n: i8| if n < 0 { day.days_in_month() + 1 + n } else { n };
        let year_day = |n: i16| if n < 0 { day.days_in_year() + 1 + n } else { n };
        let is_plain =
            self.days.is_empty() && self.month_days.is_empty() && self.year_days.is_empty();
        let by_default = match self.freq {
            Freq::Daily => true,
            Freq::Weekly => !self.days.is_empty() || day.weekday() == start.weekday(),
            Freq::Monthly => !is_plain || day.day() == start.day(),
            Freq::Yearly if self.months.is_empty() => {
                !is_plain || (day.month(), day.day()) == (start.month(), start.day())
            }
            Freq::Yearly => !is_plain || day.day() == start.day(),
        };
        by_default
            && (self.months.is_empty() || self.months.contains(&day.month()))
            && (self.month_days.is_empty()
                || self.month_days.iter().any(|n| from_end(*n) == day.day()))
            && (self.year_days.is_empty()
                || self.year_days.iter().any(|n| year_day(*n) == day.day_of_year()))
            && (self.days.is_empty() || self.days.iter().any(|wanted| self.is_day(*wanted, day)))
    }

    /// Whether a day is the wanted weekday, and the n-th of its month or year where a number is told.
    fn is_day(&self, (nth, name): (i32, Weekday), day: Date) -> bool {
        if day.weekday() != name {
            return false;
        }
        let in_year = self.freq == Freq::Yearly && self.months.is_empty();
        let (before, length) = if in_year {
            (i32::from(day.day_of_year()) - 1, i32::from(day.days_in_year()))
        } else {
            (i32::from(day.day()) - 1, i32::from(day.days_in_month()))
        };
        match nth {
            0 => true,
            nth if nth > 0 => before / 7 + 1 == nth,
            nth => (length - 1 - before) / 7 + 1 == -nth,
        }
    }
}
