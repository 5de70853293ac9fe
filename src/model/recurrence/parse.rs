//! Reads RRULE and EXRULE values, also the way calendars in the field write them.
//!
//! Leniency must never free time. What is forgiven either changes nothing (case, spaces, a trailing or an
//! escaped `;`, an empty part, `X-` parts) or makes the rule wider (`INTERVAL=0` is 1, `BYDAY=1MO` where a
//! number has no meaning is `MO`). Everything else is an error, and its series is unknown.

use super::{
    civil::day_number,
    rule::{Freq, Rule, RuleError, Until},
};
use crate::model::time::DAY_S;

/// Far more than any rule needs before the year 9999, and small enough to calculate with.
const LARGEST: i64 = 1 << 40;

impl std::str::FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let text = text.to_ascii_uppercase().replace('\\', "");
        let text = text.trim();
        let text =
            text.strip_prefix("RRULE:").or_else(|| text.strip_prefix("EXRULE:")).unwrap_or(text);
        let parts = || {
            text.split(';')
                .filter_map(|part| {
                    part.split_once('=').or((!part.trim().is_empty()).then_some((part, "?")))
                })
                .map(|(name, value)| (name.trim(), value.trim()))
                .filter(|(name, value)| !value.is_empty() && !name.starts_with("X-"))
        };
        let (_, freq) = parts().find(|(name, _)| *name == "FREQ").ok_or(RuleError::NoFreq)?;
        let mut rule = Rule::new(read_freq(freq)?);
        let mut seen: Vec<&'static str> = Vec::with_capacity(8);
        for (name, value) in parts() {
            let name = rule.read(name, value)?;
            if seen.contains(&name) {
                return Err(RuleError::Repeated(name));
            }
            seen.push(name);
        }
        rule.check()
    }
}

impl Rule {
    /// Reads one part and answers with its name.
    fn read(&mut self, name: &str, value: &str) -> Result<&'static str, RuleError> {
        Ok(match name {
            "FREQ" => "FREQ",
            "INTERVAL" => {
                self.interval = number("INTERVAL", value, 0, i64::MAX)?.clamp(1, LARGEST);
                "INTERVAL"
            }
            "COUNT" => {
                self.count = Some(number("COUNT", value, 1, i64::MAX)?.min(LARGEST));
                "COUNT"
            }
            "UNTIL" => {
                self.until = Some(read_until(value).ok_or(RuleError::Unreadable("UNTIL"))?);
                "UNTIL"
            }
            "WKST" => {
                self.week_start = read_weekday(value).ok_or(RuleError::Unreadable("WKST"))?;
                "WKST"
            }
            "BYSECOND" => {
                let seconds = mask("BYSECOND", value, 0, 60)?;
                // A leap second is the second before it where clocks have none (RFC 5545 3.3.10).
                self.seconds = seconds & !(1 << 60) | (seconds >> 60) << 59;
                "BYSECOND"
            }
            "BYMINUTE" => {
                self.minutes = mask("BYMINUTE", value, 0, 59)?;
                "BYMINUTE"
            }
            "BYHOUR" => {
                self.hours = mask("BYHOUR", value, 0, 23)?;
                "BYHOUR"
            }
            "BYMONTH" => {
                self.months = mask("BYMONTH", value, 1, 12)?;
                "BYMONTH"
            }
            "BYDAY" => self.read_weekdays(value)?,
            "BYMONTHDAY" => self.read_month_days(value)?,
            "BYYEARDAY" => {
                self.year_days = list("BYYEARDAY", value, 366)?;
                "BYYEARDAY"
            }
            "BYWEEKNO" => {
                self.weeks = list("BYWEEKNO", value, 53)?;
                "BYWEEKNO"
            }
            "BYSETPOS" => {
                self.positions = list("BYSETPOS", value, 366)?;
                "BYSETPOS"
            }
            "RSCALE" if value == "GREGORIAN" => "RSCALE",
            "SKIP" if value == "OMIT" => "SKIP",
            "RSCALE" | "SKIP" => return Err(RuleError::UnknownCalendar),
            _ => return Err(RuleError::UnknownPart),
        })
    }

    fn read_weekdays(&mut self, value: &str) -> Result<&'static str, RuleError> {
        for item in items(value) {
            let bad = RuleError::Unreadable("BYDAY");
            let at = item.len().checked_sub(2).ok_or(bad.clone())?;
            let (nth, name) = item.split_at_checked(at).ok_or(bad.clone())?;
            let weekday = read_weekday(name).ok_or(bad)?;
            match nth.trim() {
                "" => self.weekdays |= 1 << weekday,
                nth => self.nth_weekdays.push((signed("BYDAY", nth, 53)?, weekday)),
            }
        }
        Ok("BYDAY")
    }

    fn read_month_days(&mut self, value: &str) -> Result<&'static str, RuleError> {
        for day in list("BYMONTHDAY", value, 31)? {
            if day > 0 {
                self.month_days |= 1 << day;
            } else {
                self.last_month_days |= 1 << -day;
            }
        }
        Ok("BYMONTHDAY")
    }

    /// Refuses what RFC 5545 3.3.10 refuses and nobody could take for something wider.
    fn check(mut self) -> Result<Self, RuleError> {
        use Freq::{Daily, Monthly, Weekly, Yearly};
        if !self.weeks.is_empty() && self.freq != Yearly {
            return Err(RuleError::Misplaced("BYWEEKNO"));
        }
        if !self.year_days.is_empty() && matches!(self.freq, Daily | Weekly | Monthly) {
            return Err(RuleError::Misplaced("BYYEARDAY"));
        }
        if self.has_month_days() && self.freq == Weekly {
            return Err(RuleError::Misplaced("BYMONTHDAY"));
        }
        if self.freq > Monthly || !self.weeks.is_empty() {
            self.weekdays |= self.nth_weekdays.drain(..).fold(0, |all, (_, day)| all | 1 << day);
        }
        Ok(self)
    }
}

fn read_freq(value: &str) -> Result<Freq, RuleError> {
    Ok(match value {
        "YEARLY" => Freq::Yearly,
        "MONTHLY" => Freq::Monthly,
        "WEEKLY" => Freq::Weekly,
        "DAILY" => Freq::Daily,
        "HOURLY" => Freq::Hourly,
        "MINUTELY" => Freq::Minutely,
        "SECONDLY" => Freq::Secondly,
        _ => return Err(RuleError::Unreadable("FREQ")),
    })
}

fn read_weekday(name: &str) -> Option<u32> {
    Some(match name {
        "MO" => 0,
        "TU" => 1,
        "WE" => 2,
        "TH" => 3,
        "FR" => 4,
        "SA" => 5,
        "SU" => 6,
        _ => return None,
    })
}

/// Reads `YYYYMMDD`, `YYYYMMDDTHHMMSS` or the latter with `Z`.
fn read_until(value: &str) -> Option<Until> {
    let (date, time) = match value.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (value, None),
    };
    let [year, month, day] = fields(date, [4, 2, 2])?;
    let date = jiff::civil::Date::new(
        i16::try_from(year).ok()?,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
    )
    .ok()?;
    let day =
        day_number(i64::from(date.year()), u32::try_from(month).ok()?, u32::try_from(day).ok()?);
    let Some(time) = time else { return Some(Until::Day(day)) };
    let (time, is_utc) = time.strip_suffix('Z').map_or((time, false), |time| (time, true));
    let [hour, minute, second] = fields(time, [2, 2, 2])?;
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let at = day * DAY_S + hour * 3600 + minute * 60 + second.min(59);
    Some(if is_utc { Until::Instant(at) } else { Until::Wall(at) })
}

/// Cuts digits into numbers of the given widths; nothing may be left over.
fn fields<const N: usize>(digits: &str, widths: [usize; N]) -> Option<[i64; N]> {
    let mut rest = digits;
    let mut numbers = [0; N];
    for (number, width) in numbers.iter_mut().zip(widths) {
        let (field, tail) = rest.split_at_checked(width)?;
        if !field.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        *number = field.parse().ok()?;
        rest = tail;
    }
    rest.is_empty().then_some(numbers)
}

fn items(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// Reads a number in bounds. One that is too large for any type is as good as the largest.
fn number(part: &'static str, text: &str, least: i64, most: i64) -> Result<i64, RuleError> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(RuleError::Unreadable(part));
    }
    let number = digits.parse().unwrap_or(i64::MAX);
    (least <= number && number <= most).then_some(number).ok_or(RuleError::Unreadable(part))
}

/// Reads a number from 1 to `most` or its negative.
fn signed(part: &'static str, text: &str, most: i64) -> Result<i64, RuleError> {
    match text.strip_prefix('-') {
        Some(digits) => number(part, digits, 1, most).map(|n| -n),
        None => number(part, text, 1, most),
    }
}

fn list(part: &'static str, value: &str, most: i64) -> Result<Vec<i64>, RuleError> {
    let mut numbers =
        items(value).map(|item| signed(part, item, most)).collect::<Result<Vec<_>, _>>()?;
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}

fn mask(part: &'static str, value: &str, least: i64, most: i64) -> Result<u64, RuleError> {
    items(value).try_fold(0, |mask, item| Ok(mask | 1 << number(part, item, least, most)?))
}
