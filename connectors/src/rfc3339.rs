//! Times as providers write them in JSON: RFC 3339, with or without an offset.

use jiff::{Timestamp, civil, tz::Offset};

/// A wall-clock time, and how far it is from UTC where that is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stated {
    pub(crate) at: civil::DateTime,
    pub(crate) offset_s: Option<i32>,
}

impl Stated {
    pub(crate) fn instant(self) -> Option<Timestamp> {
        Offset::from_seconds(self.offset_s?).ok()?.to_timestamp(self.at).ok()
    }
}

/// Reads `2027-03-08T10:00:00+01:00`; fractions of seconds are dropped.
pub(crate) fn stated(text: &str) -> Option<Stated> {
    let (clock, rest) = text.as_bytes().split_at_checked(19)?;
    let [
        y1,
        y2,
        y3,
        y4,
        b'-',
        o1,
        o2,
        b'-',
        d1,
        d2,
        b'T' | b't' | b' ',
        h1,
        h2,
        b':',
        m1,
        m2,
        b':',
        s1,
        s2,
    ] = *clock
    else {
        return None;
    };
    let date = date_of(number(&[y1, y2, y3, y4])?, number(&[o1, o2])?, number(&[d1, d2])?)?;
    let [hour, minute, second] =
        [number(&[h1, h2])?, number(&[m1, m2])?, number(&[s1, s2])?.min(59)];
    let clock = civil::Time::new(small(hour)?, small(minute)?, small(second)?, 0).ok()?;
    let rest = match rest {
        [b'.' | b',', fraction @ ..] => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            fraction.get(digits..).filter(|_| digits > 0)?
        }
        rest => rest,
    };
    Some(Stated { at: date.to_datetime(clock), offset_s: offset(rest)? })
}

/// `Z`, `+01:00`, or nothing.
fn offset(text: &[u8]) -> Option<Option<i32>> {
    let (sign, hours, minutes) = match *text {
        [] => return Some(None),
        [b'Z' | b'z'] => return Some(Some(0)),
        [sign, a, b, b':', c, d] | [sign, a, b, c, d] => (sign, number(&[a, b])?, number(&[c, d])?),
        _ => return None,
    };
    let seconds = i32::from(hours) * 3600 + i32::from(minutes) * 60;
    match sign {
        _ if hours > 24 || minutes > 59 => None,
        b'+' => Some(Some(seconds)),
        b'-' => Some(Some(-seconds)),
        _ => None,
    }
}

/// Reads `2027-03-08`.
pub(crate) fn date(text: &str) -> Option<civil::Date> {
    let [y1, y2, y3, y4, b'-', o1, o2, b'-', d1, d2] = *text.as_bytes() else { return None };
    date_of(number(&[y1, y2, y3, y4])?, number(&[o1, o2])?, number(&[d1, d2])?)
}

fn date_of(year: i16, month: i16, day: i16) -> Option<civil::Date> {
    civil::Date::new(year, small(month)?, small(day)?).ok()
}

fn small(number: i16) -> Option<i8> {
    i8::try_from(number).ok()
}

fn number(digits: &[u8]) -> Option<i16> {
    digits.iter().try_fold(0_i16, |sum, digit| {
        digit.is_ascii_digit().then(|| sum * 10 + i16::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_instants_where_they_have_an_offset() {
        let instant = |text: &str| stated(text).unwrap().instant().map(|at| at.to_string());
        let nine = Some("2027-03-08T09:00:00Z".to_owned());
        for text in [
            "2027-03-08T09:00:00Z",
            "2027-03-08T10:00:00+01:00",
            "2027-03-08T04:30:00.000-04:30",
            "2027-03-08t09:00:00.123456789z",
            "2027-03-08 14:45:00+0545",
        ] {
            assert_eq!(instant(text), nine, "{text}");
        }
        assert_eq!(instant("2027-03-08T09:00:00"), None);
        assert_eq!(instant("2016-12-31T23:59:60Z").as_deref(), Some("2016-12-31T23:59:59Z"));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2027-03-08",
            "2027-03-08T09:00Z",
            "2027-02-30T09:00:00Z",
            "2027-03-08T25:00:00Z",
            "2027-03-08T09:00:00.Z",
            "2027-03-08T09:00:00+1",
            "2027-03-08T09:00:00+99:00",
            "2027-03-08T09:00:00Zulu",
            "２027-03-08T09:00:0",
            "20270308T090000Z",
        ] {
            assert_eq!(stated(text), None, "{text}");
        }
        assert_eq!(date("2027-03-08"), Some(civil::date(2027, 3, 8)));
        for text in ["", "2027-3-8", "2027-13-01", "2027-03-08T00:00:00Z", "x027-03-08"] {
            assert_eq!(date(text), None, "{text}");
        }
    }
}
