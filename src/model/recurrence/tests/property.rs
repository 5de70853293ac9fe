//! Properties that hold for any rule.

use std::collections::BTreeSet;

use jiff::{Timestamp, tz::TimeZone};
use proptest::prelude::*;

use super::{moment, owner, series};
use crate::model::{
    busy::BusyInterval,
    interval::Span,
    recurrence::{Budget, expand, starts},
};

const ZONES: [&str; 6] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Santiago",
    "Australia/Lord_Howe",
    "Africa/Cairo",
];

fn part(name: &'static str, values: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just(String::new()),
        1 => proptest::sample::subsequence(values, 1..=values.len().min(3)).prop_map(move |chosen| format!(";{name}={}", chosen.join(","))),
    ]
}

fn rule() -> impl Strategy<Value = String> {
    let freq = proptest::sample::select(vec!["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY"]);
    let days = part("BYDAY", &["MO", "TU", "SA", "SU"]);
    let months = part("BYMONTH", &["1", "2", "3", "10", "11"]);
    let hours = part("BYHOUR", &["0", "1", "2", "3", "23"]);
    let places = part("BYSETPOS", &["1", "2", "-1"]);
    let count = prop_oneof![2 => Just(String::new()), 1 => (1..400_u32).prop_map(|n| format!(";COUNT={n}"))];
    (freq, 1..5_u32, days, months, hours, places, count).prop_map(
        |(freq, interval, days, months, hours, places, count)| {
            format!("FREQ={freq};INTERVAL={interval}{days}{months}{hours}{places}{count}")
        },
    )
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn found(text: &str, zone: &TimeZone, from: i64, to: i64) -> BTreeSet<BusyInterval> {
    let window = Span::new(at(from), at(to)).unwrap();
    let expansion = expand(&series(text), window, zone, &mut Budget::of(u32::MAX));
    assert!(expansion.intervals.is_sorted());
    assert!(expansion.intervals.iter().all(|i| i.span.overlaps(window)));
    expansion.intervals.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, rng_seed: proptest::test_runner::RngSeed::Fixed(7), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn two_windows_side_by_side_find_what_one_over_both_finds(
        rule in rule(),
        zone in proptest::sample::select(ZONES.to_vec()),
        length in proptest::sample::select(vec!["PT30M", "PT26H", "P1D", "P3DT1H"]),
        shift in proptest::sample::select(vec!["110000", "013000", "233000"]),
        from in 1_790_000_000..1_830_000_000_i64,
        (first, second) in (1..5_000_000_i64, 1..5_000_000_i64),
    ) {
        let text = format!(
            "DTSTART;TZID={zone}:20260301T020000\nDURATION:{length}\nRRULE:{rule}\n\n\
             RECURRENCE-ID;RANGE=THISANDFUTURE;TZID={zone}:20270301T020000\nDTSTART;TZID={zone}:20270302T{shift}\nDURATION:PT3H"
        );
        let zone = owner(zone);
        let (middle, to) = (from + first, from + first + second);
        let mut parts = found(&text, &zone, from, middle);
        parts.extend(found(&text, &zone, middle, to));
        prop_assert_eq!(parts, found(&text, &zone, from, to));
    }

    #[test]
    fn a_far_window_finds_the_tail_of_what_a_long_one_finds(rule in rule(), zone in proptest::sample::select(ZONES.to_vec()), from in 1_000_000_000..1_100_000_000_i64) {
        let dtstart = moment(&format!(";TZID={zone}:20000229T020000"));
        let within = |from: i64| {
            let window = Span::new(at(from), at(1_110_000_000)).unwrap();
            starts(&dtstart, &rule, window, &TimeZone::UTC, &mut Budget::of(u32::MAX)).unwrap()
        };
        let tail: Vec<Timestamp> = within(900_000_000).into_iter().filter(|start| *start >= at(from)).collect();
        prop_assert_eq!(within(from), tail);
    }

    #[test]
    fn no_text_makes_the_reader_or_the_walk_panic(text in "[A-Z0-9=;,+\\-TZ\\\\]{0,60}", tail in ".{0,20}") {
        for rule in [text.clone(), format!("FREQ=YEARLY;{text}"), format!("FREQ=MINUTELY;{text}"), format!("FREQ=WEEKLY;{text}{tail}")] {
            let window = Span::new(at(1_800_000_000), at(1_801_000_000)).unwrap();
            let _ = starts(&moment(":20270101T000000Z"), &rule, window, &TimeZone::UTC, &mut Budget::of(5_000));
        }
    }
}
