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
            *time = time_text(second - day * DAY_S).to_le_bytes();
        }
        out.extend_from_slice(&text);
        if fraction > 0 {
            let digits = [10_000, 100, 1]
                .map(|part| pair(u32::try_from(fraction / part % 100).unwrap_or(0)));
            out.push(b'.');
            out.extend_from_slice(digits.as_flattened());
            while out.last() == Some(&b'0') {
                out.pop();
            }
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

/// Writes busy spans. Most begin and end on the day of the one before: then all but the times of day is copied as it
/// stands.
#[derive(Debug)]
pub(super) struct SpanText {
    /// A whole span, with the days of the one before.
    text: [u8; 76],
    start_day: Day,
    end_day: Day,
}

/// Where the parts of a span's text stand.
const START: usize = 10;
const END: usize = 39;
const KIND: usize = 69;
/// Of an instant: its date with the `T` behind it, then its time of day.
const DATE: usize = 11;
const TIME: usize = 8;

impl SpanText {
    pub(super) fn new() -> Self {
        let text = *b"{\"start\":\"0000-00-00T00:00:00Z\",\"end\":\"0000-00-00T00:00:00Z\",\"kind\":\"busy\"},";
        Self { text, start_day: Day::NONE, end_day: Day::NONE }
    }

    /// Whether a second may be an end of what is written here.
    pub(super) fn fits(second: i64) -> bool {
        FOUR_DIGIT_YEARS.contains(&second)
    }

    /// Appends a span of seconds that [fit](Self::fits) as an object, with a comma behind it.
    #[inline]
    pub(super) fn span(&mut self, out: &mut Vec<u8>, (start, end, kind): (i64, i64, Kind)) {
        // One question, not two: a new day is hard to foresee.
        if !(self.start_day.holds(start) & self.end_day.holds(end)) {
            self.turn(start, end);
        }
        let at = out.len();
        out.extend_from_slice(&self.text);
        if let Some(text) = out.last_chunk_mut::<76>() {
            let (start, end) = (self.start_day.time(start), self.end_day.time(end));
            text[START + DATE..START + DATE + TIME].copy_from_slice(&start.to_le_bytes());
            text[END + DATE..END + DATE + TIME].copy_from_slice(&end.to_le_bytes());
        }
        let kind: &[u8] = match kind {
            Kind::Busy => return,
            Kind::Tentative => b"tentative\"},",
            Kind::OutOfOffice => b"out_of_office\"},",
        };
        out.truncate(at + KIND);
        out.extend_from_slice(kind);
    }

    /// Turns to the days of a span.
    #[inline(never)]
    fn turn(&mut self, start: i64, end: i64) {
        self.start_day.turn(start, &mut self.text[START..START + DATE]);
        if self.start_day.holds(end) {
            self.end_day = self.start_day;
            self.text.copy_within(START..START + DATE, END);
        } else {
            self.end_day.turn(end, &mut self.text[END..END + DATE]);
        }
    }
}

/// The day of the last instant, by the second it begins at.
#[derive(Clone, Copy, Debug)]
struct Day(i64);

impl Day {
    /// No instant lies within the day that begins here.
    const NONE: Self = Self(i64::MAX - DAY_S);

    #[inline]
    fn holds(self, second: i64) -> bool {
        (0..DAY_S).contains(&second.wrapping_sub(self.0))
    }

    /// The time of day of an instant of this day.
    #[inline]
    fn time(self, second: i64) -> Time {
        time_text(second.wrapping_sub(self.0))
    }

    /// Turns to the day of an instant, and `date` with it.
    fn turn(&mut self, second: i64, date: &mut [u8]) {
        let day = second - second.rem_euclid(DAY_S);
        let known = std::mem::replace(&mut self.0, day);
        if day != known && !later(date, day.wrapping_sub(known)) {
            date.copy_from_slice(&date_text(day.div_euclid(DAY_S)));
        }
    }
}

/// Moves a date forward where only the last digit changes: within nine days, up to the 28th.
fn later(date: &mut [u8], by_s: i64) -> bool {
    let [.., tens, ones, b'T'] = date else { return false };
    let Some(days @ 1..=9) = u8::try_from(by_s / DAY_S).ok() else { return false };
    let last = if *tens == b'2' { b'8' } else { b'9' };
    let fits = *tens <= b'2' && *ones + days <= last;
    if fits {
        *ones += days;
    }
    fits
}

/// `HH:MM:SS`, its bytes from the lowest on: in a register, not in memory.
type Time = u64;

/// The time of a second of a day.
#[inline]
fn time_text(of_day: i64) -> Time {
    let second = u32::try_from(of_day).unwrap_or(0);
    let minute = second / 60;
    let of_minute = second - minute * 60;
    let text = MINUTES.get(minute as usize).copied().unwrap_or_default();
    if of_minute > 0 { with_second(text, of_minute) } else { text }
}

#[cold]
fn with_second(minute: Time, of_minute: u32) -> Time {
    let [a, b, c, d, e, f, ..] = minute.to_le_bytes();
    let [tens, ones] = pair(of_minute);
    Time::from_le_bytes([a, b, c, d, e, f, tens, ones])
}

/// The text of every minute of a day: nearly all that is written begins and ends on one.
#[expect(
    clippy::indexing_slicing,
    reason = "within a constant, where it is checked while it is built"
)]
static MINUTES: [Time; 1_440] = {
    let mut texts = [0; 1_440];
    let mut minute = 0;
    while minute < 1_440 {
        let ([h, o], [m, i]) = (pair(minute as u32 / 60), pair(minute as u32 % 60));
        texts[minute] = Time::from_le_bytes([h, o, b':', m, i, b':', b'0', b'0']);
        minute += 1;
    }
    texts
};

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
const fn pair(number: u32) -> [u8; 2] {
    [b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8]
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
