//! Instants and durations as bytes of JSON. Free/busy writes hundreds of thousands of these an answer.
//!
//! What is written is what [`wire`](super::wire) writes; tests hold the two together.

use jiff::{SignedDuration, Timestamp};

use super::wire::Iso;
use crate::model::busy::Kind;

const DAY_S: i64 = 86_400;
/// The years 1 to 9999, which have four digits.
const FOUR_DIGIT_YEARS: std::ops::Range<i64> = -62_135_596_800..253_402_300_800;

/// Appends an instant in quotes.
pub(super) fn instant(out: &mut Vec<u8>, us: i64) {
    let (second, fraction) = (us.div_euclid(1_000_000), us.rem_euclid(1_000_000));
    out.push(b'"');
    if FOUR_DIGIT_YEARS.contains(&second) {
        let mut text = *b"0000-00-00T00:00:00";
        let day = second.div_euclid(DAY_S);
        if let Some(date) = text.first_chunk_mut() {
            *date = date_text(day);
        }
        if let Some(time) = text.last_chunk_mut() {
            *time = time_text(second - day * DAY_S);
        }
        out.extend_from_slice(&text);
        if fraction > 0 {
            out.extend_from_slice(format!(".{fraction:06}").trim_end_matches('0').as_bytes());
        }
        out.push(b'Z');
    } else {
        let at = Timestamp::from_microsecond(us).unwrap_or(Timestamp::MAX);
        out.extend_from_slice(at.to_string().as_bytes());
    }
    out.push(b'"');
}

/// Appends a duration in quotes, in whole seconds.
pub(super) fn duration(out: &mut Vec<u8>, duration: SignedDuration) {
    let seconds = duration.as_secs();
    out.push(b'"');
    if (0..DAY_S).contains(&seconds) {
        out.extend_from_slice(b"PT");
        let parts = [(seconds / 3_600, b'H'), (seconds / 60 % 60, b'M'), (seconds % 60, b'S')];
        for (number, unit) in parts {
            if number > 0 || (unit == b'S' && seconds == 0) {
                let [tens, ones] = pair(u32::try_from(number).unwrap_or(0));
                if tens != b'0' {
                    out.push(tens);
                }
                out.extend_from_slice(&[ones, unit]);
            }
        }
    } else {
        out.extend_from_slice(Iso(duration).to_string().as_bytes());
    }
    out.push(b'"');
}

/// Writes busy spans. Most begin and end on the day of the one before: then only the times of day are written
/// anew, and the rest is copied.
#[derive(Debug)]
pub(super) struct SpanText {
    start: Stamp,
    end: Stamp,
}

impl SpanText {
    pub(super) fn new() -> Self {
        Self { start: Stamp::new(), end: Stamp::new() }
    }

    /// Whether a second may be an end of what is written here.
    pub(super) fn fits(second: i64) -> bool {
        FOUR_DIGIT_YEARS.contains(&second)
    }

    /// Appends a span of seconds that [fit](Self::fits) as an object, with a comma behind it.
    pub(super) fn span(&mut self, out: &mut Vec<u8>, (start, end, kind): (i64, i64, Kind)) {
        let mut text =
            *b"{\"start\":\"0000-00-00T00:00:00Z\",\"end\":\"0000-00-00T00:00:00Z\",\"kind\":\"";
        text[10..30].copy_from_slice(self.start.at(start));
        text[39..59].copy_from_slice(self.end.at(end));
        out.extend_from_slice(&text);
        let kind: &[u8] = match kind {
            Kind::Busy => b"busy\"},",
            Kind::Tentative => b"tentative\"},",
            Kind::OutOfOffice => b"out_of_office\"},",
        };
        out.extend_from_slice(kind);
    }
}

/// An instant's text, of which only the time of day changes within a day.
#[derive(Debug)]
struct Stamp {
    day_s: i64,
    text: [u8; 20],
}

impl Stamp {
    fn new() -> Self {
        // No instant lies within the day that begins here.
        Self { day_s: i64::MAX - DAY_S, text: *b"0000-00-00T00:00:00Z" }
    }

    fn at(&mut self, second: i64) -> &[u8; 20] {
        let mut of_day = second.wrapping_sub(self.day_s);
        if !(0..DAY_S).contains(&of_day) {
            let day = second.div_euclid(DAY_S);
            self.day_s = day * DAY_S;
            of_day = second - self.day_s;
            self.text[..11].copy_from_slice(&date_text(day));
        }
        self.text[11..19].copy_from_slice(&time_text(of_day));
        &self.text
    }
}

/// `HH:MM:SS` of a second of a day.
fn time_text(of_day: i64) -> [u8; 8] {
    let second = u32::try_from(of_day).unwrap_or(0);
    let minute = second / 60;
    let hour = minute / 60;
    let ([h, o], [m, i], [s, e]) =
        (pair(hour), pair(minute - hour * 60), pair(second - minute * 60));
    [h, o, b':', m, i, b':', s, e]
}

/// `YYYY-MM-DDT` of a day since 1970. The steps are those of the proleptic Gregorian calendar counted from 1 March, so
/// that the leap day comes last.
fn date_text(day: i64) -> [u8; 11] {
    let shifted = day + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let two = |number: i64| pair(u32::try_from(number).unwrap_or(0));
    let ([a, b], [c, d]) = (two(year / 100), two(year % 100));
    let ([m, o], [t, y]) = (two(month), two(day_of_month));
    [a, b, c, d, b'-', m, o, b'-', t, y, b'T']
}

/// The two digits of a number below 100.
fn pair(number: u32) -> [u8; 2] {
    let digit = |n: u32| b'0' + u8::try_from(n % 10).unwrap_or(0);
    [digit(number / 10), digit(number)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::http::wire::Micros;

    proptest! {
        #[test]
        fn instants_are_written_as_the_library_does(
            us in prop_oneof![
                -377_705_023_201_000_000_i64..253_402_207_200_999_999,
                1_700_000_000_000_000_i64..1_900_000_000_000_000,
                (-62_200_000_000_i64..253_402_207_200).prop_map(|second| second * 1_000_000),
            ],
        ) {
            let mut out = Vec::new();
            instant(&mut out, us);
            let at = Timestamp::from_microsecond(us).unwrap();
            prop_assert_eq!(String::from_utf8(out).unwrap(), format!("\"{at}\""));
        }

        #[test]
        fn durations_are_written_as_the_library_does(seconds in prop_oneof![-9_i64..100_000, any::<i32>().prop_map(i64::from)]) {
            let mut out = Vec::new();
            let length = SignedDuration::from_secs(seconds);
            duration(&mut out, length);
            prop_assert_eq!(String::from_utf8(out).unwrap(), format!("\"{length}\""));
        }

        #[test]
        fn spans_are_written_as_serde_does(
            spans in proptest::collection::vec((1_700_000_000_i64..1_701_000_000, 0_i64..200_000, 0_usize..3), 1..20),
        ) {
            let mut text = SpanText::new();
            for (start, long, kind) in spans {
                let kind = Kind::STRONGEST_FIRST[kind];
                let (start_us, end_us) = (start * 1_000_000, (start + long) * 1_000_000);
                let mut out = Vec::new();
                text.span(&mut out, (start, start + long, kind));
                let micros = |us| serde_json::to_string(&Micros(us)).unwrap();
                let expected = format!(
                    "{{\"start\":{},\"end\":{},\"kind\":\"{}\"}},", micros(start_us), micros(end_us), kind.as_str()
                );
                prop_assert_eq!(String::from_utf8(out).unwrap(), expected);
            }
        }
    }
}
