//! Property values: dates, times, durations, offsets. Lenient where the meaning is plain, `None` where not.

use jiff::{Timestamp, civil, tz::Offset};

use super::lines::trim;
use crate::event::{RemoteDate, RemoteDuration, RemoteEnd, RemoteTime};

/// Reads a DATE or DATE-TIME. The form of the value decides over what `VALUE=` claims, except that a
/// midnight declared a date is one; `Z` decides over `TZID`; a zone on a date means nothing.
pub(crate) fn time(value: &str, tzid: Option<&str>, declared_date: bool) -> Option<RemoteTime> {
    let value = trim(value);
    let (value, utc) = match *value.as_bytes() {
        [ref local @ .., b'Z' | b'z'] => (local, true),
        ref local => (local, false),
    };
    let (date, clock) = match value.iter().position(|b| matches!(b, b'T' | b't')) {
        Some(at) => {
            let (date, clock) = value.split_at_checked(at)?;
            (parse_date(date)?, Some(parse_clock(clock.get(1..)?)?))
        }
        None => (parse_date(value)?, None),
    };
    let Some((clock, next_day)) = clock else { return Some(RemoteTime::Date(date)) };
    let date = if next_day { date.tomorrow().ok()? } else { date };
    if declared_date && clock == civil::Time::midnight() {
        return Some(RemoteTime::Date(date));
    }
    let at = date.to_datetime(clock);
    Some(match tzid.map(trim).filter(|name| !name.is_empty()) {
        _ if utc => RemoteTime::Utc(instant(at)),
        Some(tzid) => RemoteTime::Zoned { at, tzid: tzid.to_owned() },
        None => RemoteTime::Floating(at),
    })
}

/// The instant of a UTC wall-clock time; beyond the range of instants, the last or first one there is.
fn instant(at: civil::DateTime) -> Timestamp {
    let bound = if at.year() > 0 { Timestamp::MAX } else { Timestamp::MIN };
    Offset::UTC.to_timestamp(at).unwrap_or(bound)
}

fn parse_date(text: &[u8]) -> Option<civil::Date> {
    match *text {
        [a, b, c, d, e, f, g, h] | [a, b, c, d, b'-', e, f, b'-', g, h] => {
            let year = digits(&[a, b, c, d])?;
            let (month, day) = (digits(&[e, f])?, digits(&[g, h])?);
            civil::Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
        }
        _ => None,
    }
}

/// Reads `HHMMSS` or `HHMM`; 24:00 is the next day's midnight and a leap second is the 59th.
fn parse_clock(text: &[u8]) -> Option<(civil::Time, bool)> {
    let (hour, minute, second) = match *text {
        [a, b, c, d, e, f] | [a, b, b':', c, d, b':', e, f] => {
            (digits(&[a, b])?, digits(&[c, d])?, digits(&[e, f])?)
        }
        [a, b, c, d] => (digits(&[a, b])?, digits(&[c, d])?, 0),
        _ => return None,
    };
    if (hour, minute, second) == (24, 0, 0) {
        return Some((civil::Time::midnight(), true));
    }
    let [hour, minute, second] =
        [hour, minute, if second == 60 { 59 } else { second }].map(|n| i8::try_from(n).ok());
    Some((civil::Time::new(hour?, minute?, second?, 0).ok()?, false))
}

fn digits(text: &[u8]) -> Option<i16> {
    text.iter().try_fold(0_i16, |sum, b| b.is_ascii_digit().then(|| sum * 10 + i16::from(b - b'0')))
}

/// Reads a DURATION, keeping weeks and days apart from what is exact. Absurd numbers saturate.
pub(super) fn duration(text: &str) -> Option<RemoteDuration> {
    let text = text.trim().to_ascii_uppercase();
    let (sign, body) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(&text)),
    };
    let mut found = RemoteDuration { days: 0, seconds: 0 };
    let (mut number, mut in_time, mut parts) = (None::<i64>, false, 0);
    for c in body.strip_prefix('P')?.chars() {
        if let Some(digit) = c.to_digit(10) {
            number = Some(number.unwrap_or(0).saturating_mul(10).saturating_add(i64::from(digit)));
            continue;
        }
        if c == 'T' && !in_time && number.is_none() {
            in_time = true;
            continue;
        }
        let count = number.take()?.saturating_mul(sign);
        let (field, unit) = match (c, in_time) {
            ('W', false) => (&mut found.days, 7),
            ('D', false) => (&mut found.days, 1),
            ('H', _) => (&mut found.seconds, 3600),
            ('M', _) => (&mut found.seconds, 60),
            ('S', _) => (&mut found.seconds, 1),
            _ => return None,
        };
        *field = field.saturating_add(count.saturating_mul(unit));
        parts += 1;
    }
    (parts > 0 && number.is_none()).then_some(found)
}

/// Reads one RDATE value, which may be a PERIOD.
pub(super) fn date_or_period(value: &str, tzid: Option<&str>, is_date: bool) -> Option<RemoteDate> {
    let Some((start, end)) = value.split_once('/') else {
        return time(value, tzid, is_date).map(RemoteDate::At);
    };
    let start = time(start, tzid, false)?;
    let end = match duration(end) {
        Some(length) => RemoteEnd::Lasts(length),
        None => RemoteEnd::At(time(end, tzid, false)?),
    };
    Some(RemoteDate::Period { start, end })
}

/// Reads a UTC offset (`+0100`, `-033045`) as seconds.
pub(super) fn offset(text: &str) -> Option<i32> {
    let text = text.trim();
    let (sign, body) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (hours, minutes, seconds) = match *body.as_bytes() {
        [a, b] => (digits(&[a, b])?, 0, 0),
        [a, b, c, d] | [a, b, b':', c, d] => (digits(&[a, b])?, digits(&[c, d])?, 0),
        [a, b, c, d, e, f] | [a, b, b':', c, d, b':', e, f] => {
            (digits(&[a, b])?, digits(&[c, d])?, digits(&[e, f])?)
        }
        _ => return None,
    };
    let total = i32::from(hours) * 3600 + i32::from(minutes) * 60 + i32::from(seconds);
    (total < 26 * 3600).then_some(sign * total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_a_value_decides_its_type() {
        let date = RemoteTime::Date(civil::date(2027, 3, 8));
        assert_eq!(time("20270308", Some("Europe/Berlin"), false), Some(date.clone()));
        assert_eq!(time("20270308T000000", None, true), Some(date.clone()));
        assert_eq!(time("2027-03-08", None, true), Some(date));
        let nine = civil::date(2027, 3, 8).at(9, 0, 0, 0);
        assert_eq!(time("20270308T090000", Some(" "), true), Some(RemoteTime::Floating(nine)));
        let utc = RemoteTime::Utc("2027-03-08T09:00:00Z".parse().unwrap());
        assert_eq!(time("20270308t090000z", Some("Europe/Berlin"), false), Some(utc));
    }

    #[test]
    fn impossible_times_are_refused_and_odd_ones_understood() {
        for text in
            ["", "2027", "20270230", "20270308T", "20270308T250000", "100000101", "2027030é"]
        {
            assert_eq!(time(text, None, false), None, "{text:?}");
        }
        let midnight = civil::date(2028, 1, 1).at(0, 0, 0, 0);
        assert_eq!(time("20271231T240000", None, false), Some(RemoteTime::Floating(midnight)));
        assert_eq!(time("99991231T235959Z", None, false), Some(RemoteTime::Utc(Timestamp::MAX)));
        assert!(time("00010101T000000", None, false).is_some());
        assert!(time("20161231T235960Z", None, false).is_some());
    }

    #[test]
    fn durations_keep_days_apart_from_hours() {
        let of = |days, seconds| Some(RemoteDuration { days, seconds });
        assert_eq!(duration("P1D"), of(1, 0));
        assert_eq!(duration("PT24H"), of(0, 86_400));
        assert_eq!(duration("+P1W2DT3H4M5S"), of(9, 11_045));
        assert_eq!(duration("-PT15M"), of(0, -900));
        assert_eq!(duration("P0D"), of(0, 0));
        assert_eq!(duration("P99999999999999999999D"), of(i64::MAX, 0));
        for text in ["", "P", "PT", "1H", "P1", "P1Y", "PTD", "PT1HT2M"] {
            assert_eq!(duration(text), None, "{text:?}");
        }
    }

    #[test]
    fn offsets_may_carry_seconds() {
        assert_eq!(offset("+0100"), Some(3600));
        assert_eq!(offset("-003608"), Some(-2168));
        assert_eq!(offset("0000"), Some(0));
        assert_eq!(offset("+1"), None);
        assert_eq!(offset("+9900"), None);
    }
}
