//! What a window of 30 days costs: DTSTART in 1970 and in 2026 must cost the same, and both a few microseconds.
//!
//! `cargo bench -p calhub --bench recurrence`; the rows named `rrule_crate` are the comparison.

use calhub::model::{
    busy::BusyClass,
    event::{Event, Length, Moment, Series},
    interval::Span,
    recurrence::{Budget, expand},
    time::{Zone, tzdb},
};
use divan::{Bencher, black_box};
use jiff::{Timestamp, civil::date};

const RULES: [&str; 8] = [
    "FREQ=DAILY",
    "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
    "FREQ=WEEKLY;INTERVAL=2",
    "FREQ=MONTHLY;BYMONTHDAY=15",
    "FREQ=MONTHLY;BYDAY=-1FR",
    "FREQ=YEARLY",
    "FREQ=DAILY;COUNT=30000",
    "FREQ=MONTHLY;BYDAY=2TU;COUNT=2000",
];

fn main() {
    divan::main();
}

fn month() -> Span {
    let at = |text: &str| text.parse::<Timestamp>().expect("a valid instant");
    Span::clamped(at("2026-11-01T00:00:00Z"), at("2026-12-01T00:00:00Z"))
}

fn series(year: i16, rule: &str) -> Series {
    let start =
        Moment::Zoned(date(year, 1, 6).at(9, 0, 0, 0), Zone::Iana("Europe/Berlin".to_owned()));
    let event = Event {
        start,
        length: Length::Nominal { days: 0, seconds: 3600 },
        class: Some(BusyClass::Busy),
        replaces: None,
        rules: vec![rule.to_owned()],
        exrules: vec![],
        rdates: vec![],
        exdates: vec![],
        part: 0,
        sequence: 0,
        stamped: None,
    };
    Series { events: vec![event] }
}

fn window(bencher: Bencher<'_, '_>, year: i16, rule: &str) {
    let owner = tzdb().zone("Europe/Berlin").expect("a known zone");
    let (series, month) = (series(year, rule), month());
    bencher.bench_local(|| expand(black_box(&series), month, &owner, &mut Budget::default()));
}

#[divan::bench(args = RULES)]
fn from_1970(bencher: Bencher<'_, '_>, rule: &str) {
    window(bencher, 1970, rule);
}

#[divan::bench(args = RULES)]
fn from_2026(bencher: Bencher<'_, '_>, rule: &str) {
    window(bencher, 2026, rule);
}

#[divan::bench(args = RULES)]
fn from_2026_by_the_rrule_crate(bencher: Bencher<'_, '_>, rule: &str) {
    by_rrule(bencher, 2026, rule);
}

#[divan::bench(args = RULES)]
fn from_1970_by_the_rrule_crate(bencher: Bencher<'_, '_>, rule: &str) {
    by_rrule(bencher, 1970, rule);
}

fn by_rrule(bencher: Bencher<'_, '_>, year: i16, rule: &str) {
    let text = format!("DTSTART;TZID=Europe/Berlin:{year}0106T090000\nRRULE:{rule}");
    let at = |at: Timestamp| {
        let utc = chrono::DateTime::from_timestamp(at.as_second(), 0).expect("a valid instant");
        utc.with_timezone(&rrule::Tz::UTC)
    };
    let (from, to) = (at(month().start()), at(month().end()));
    bencher.bench_local(|| {
        let set: rrule::RRuleSet = black_box(&text).parse().expect("a valid rule");
        set.after(from).before(to).all(1000)
    });
}

/// Starts a second, over ten years of hours.
#[divan::bench]
fn hourly_for_ten_years(bencher: Bencher<'_, '_>) {
    let owner = tzdb().zone("Europe/Berlin").expect("a known zone");
    let series = series(1970, "FREQ=HOURLY");
    let at = |text: &str| text.parse::<Timestamp>().expect("a valid instant");
    let decade = Span::clamped(at("2016-01-01T00:00:00Z"), at("2026-01-01T00:00:00Z"));
    bencher
        .counter(divan::counter::ItemsCount::new(87_672_usize))
        .bench_local(|| expand(black_box(&series), decade, &owner, &mut Budget::of(u32::MAX)));
}
