//! P6: recurrence, beside the conversion of wall clocks that every start needs.

use std::{hint::black_box, time::Instant};

use anyhow::{Result, ensure};
use calhub::model::{
    busy::BusyClass,
    event::{Event, Length, Moment, Series},
    interval::Span,
    recurrence::{Budget, expand},
    time::{Zone, instant, tzdb},
};
use jiff::{Timestamp, civil::date, tz::TimeZone};

use crate::{
    Size,
    report::{Line, Report, figure, median},
};

/// A rule and how many years of it are expanded at once.
const RULES: [(&str, i16); 10] = [
    ("FREQ=DAILY", 100),
    ("FREQ=DAILY;COUNT=40000", 100),
    ("FREQ=WEEKLY", 100),
    ("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", 100),
    ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,TH", 100),
    ("FREQ=MONTHLY;BYMONTHDAY=15", 400),
    ("FREQ=MONTHLY;BYDAY=2TU", 400),
    ("FREQ=MONTHLY;BYDAY=-1FR", 400),
    ("FREQ=YEARLY", 4000),
    ("FREQ=HOURLY", 10),
];

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

fn at(year: i16, month: i8) -> Timestamp {
    TimeZone::UTC.to_timestamp(date(year, month, 1).at(0, 0, 0, 0)).unwrap()
}

/// Seconds a turn: the least of some rounds, which noise on the machine can only raise.
pub(crate) fn least(rounds: usize, turns: usize, mut turn: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..rounds {
        let began = Instant::now();
        for _ in 0..turns {
            turn();
        }
        best = best.min(began.elapsed().as_secs_f64() / turns as f64);
    }
    best
}

pub(crate) fn measure(size: Size, report: &mut Report) -> Result<()> {
    report.part("P6: recurrence, one core");
    let owner = tzdb().zone("Europe/Berlin").unwrap();
    let rounds = size.pick(15, 2);
    let civils: Vec<_> = (0..10_000_i64)
        .map(|n| (date(2016, 1, 1).at(9, 0, 0, 0)) + jiff::SignedDuration::from_hours(n * 9))
        .collect();
    let convert = least(rounds, 1, || {
        for civil in &civils {
            black_box(instant(*civil, &owner));
        }
    }) / civils.len() as f64;
    for (rule, years) in RULES {
        let first = (9_000 - years).min(1970);
        let series = series(first, rule);
        let window = Span::clamped(at(first, 1), at(first + years, 1));
        let mut found = 0;
        let each = least(rounds, 1, || {
            let all = expand(black_box(&series), window, &owner, &mut Budget::of(u32::MAX));
            found = all.intervals.len();
        });
        ensure!(found > usize::try_from(years).unwrap() / 2, "{rule}: {found}");
        let rate = found as f64 / each;
        report.add(Line {
            name: format!("`{rule}`, {years} years, {found} intervals"),
            limit: format!("wall clock to instant {} M/s", figure(1e-6 / convert)),
            ours: format!("{} M/s", figure(rate / 1e6)),
            ratio: format!("{:.2}", rate * convert),
            target: ">= 8 M/s",
            met: Some(rate >= 8e6),
        });
    }
    windows(size, report, &owner);
    let hard = series(1970, "FREQ=MINUTELY;BYMONTH=2;BYMONTHDAY=30");
    let window = Span::clamped(at(2026, 11), at(2026, 12));
    let mut is_refused = true;
    let each = least(size.pick(5, 1), 1, || {
        let refused = expand(
            black_box(&hard),
            Span::clamped(at(1971, 1), at(9999, 1)),
            &owner,
            &mut Budget::default(),
        );
        is_refused &= refused.unexpandable.is_some();
    });
    let flood = series(2026, "FREQ=SECONDLY;COUNT=1000000000");
    let flood_takes = least(size.pick(5, 1), 1, || {
        black_box(expand(black_box(&flood), window, &owner, &mut Budget::default()));
    });
    report.add(Line {
        name: "a rule that spends its 100,000 steps".to_owned(),
        limit: "-".to_owned(),
        ours: format!("{:.1} ms; `SECONDLY;COUNT=1e9` {:.1} ms", each * 1e3, flood_takes * 1e3),
        ratio: "-".to_owned(),
        target: "about 10 ms",
        met: Some(each.max(flood_takes) <= 0.0105 && is_refused),
    });
    Ok(())
}

/// What a window of 30 days costs, the rule read from its text each time, and what it costs the `rrule` crate.
fn windows(size: Size, report: &mut Report, owner: &TimeZone) {
    let month = Span::clamped(at(2026, 11), at(2026, 12));
    for (rule, _) in RULES.iter().filter(|(rule, _)| *rule != "FREQ=HOURLY") {
        let [old, new] = [1970, 2026].map(|year| series(year, rule));
        let (mut olds, mut news, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..size.pick(9, 2) {
            let turn = |series: &Series| {
                least(3, size.pick(2_000, 50), || {
                    black_box(expand(black_box(series), month, owner, &mut Budget::default()));
                })
            };
            olds.push(turn(&old));
            news.push(turn(&new));
            theirs.push(least(3, size.pick(20, 2), || by_rrule(2026, rule, month)));
        }
        let [old, new, theirs] = [&olds, &news, &theirs].map(|figures| median(figures) * 1e6);
        report.add(Line {
            name: format!("`{rule}` in a window of 30 days"),
            limit: format!("`rrule` 0.14, DTSTART 2026: {} µs", figure(theirs)),
            ours: format!("DTSTART 2026: {new:.2} µs; 1970: {old:.2} µs"),
            ratio: format!("1970 / 2026: {:.2}", old / new),
            target: "<= 5 µs; 1970 <= 1.2 x 2026",
            met: Some(old.max(new) <= 5.0 && old <= 1.2 * new),
        });
    }
}

fn by_rrule(year: i16, rule: &str, window: Span) {
    let text = format!("DTSTART;TZID=Europe/Berlin:{year}0106T090000\nRRULE:{rule}");
    let at = |at: Timestamp| {
        let utc = chrono::DateTime::from_timestamp(at.as_second(), 0).unwrap();
        utc.with_timezone(&rrule::Tz::UTC)
    };
    let set: rrule::RRuleSet = black_box(&text).parse().unwrap();
    black_box(set.after(at(window.start())).before(at(window.end())).all(1000));
}
