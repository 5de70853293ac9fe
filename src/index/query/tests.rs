use super::*;
use crate::{
    clock::{ManualClock, SeededEntropy},
    index::{Busy, Packed},
    model::{
        ids::ConnectionId,
        policy::{DEFAULT_RULES, Policy, Treat},
    },
};

const DAY: i64 = 86_400;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn facts() -> CalendarFacts {
    CalendarFacts {
        covered_from: Some(at(-DAY)),
        covered_until: Some(at(10 * DAY)),
        ..crate::index::facts::tests::facts()
    }
}

fn question(from: i64, until: i64) -> Question {
    Question {
        window: Span::new(at(from), at(until)).unwrap(),
        max_staleness: None,
        now: at(10),
        is_current: true,
    }
}

/// A calendar: its facts, the policy of its link, and rows in seconds.
type Given<'a> = (CalendarFacts, Policy, &'a [(i64, i64, BusyClass)]);

fn basis(calendars: &[Given<'_>]) -> Basis {
    let clock = ManualClock::at(at(0));
    let entropy = SeededEntropy::new(7);
    let mut tenant = Tenant::default();
    let mut links = Vec::new();
    for (facts, policy, rows) in calendars {
        let calendar = CalendarId::mint(&clock, &entropy);
        let rows = rows.iter().map(|&(s, e, class)| (s * 1_000_000, e * 1_000_000, class));
        let connection = ConnectionId::mint(&clock, &entropy);
        tenant.set_connection(&connection, facts.login, facts.source_is_live);
        tenant.set_calendar(CalendarSnapshot {
            calendar: calendar.clone(),
            connection,
            facts: *facts,
            busy: Arc::new(Busy::at_rest(&Packed::new(-DAY * 1_000_000, rows))),
        });
        links.push(Link { calendar, kinds: DEFAULT_RULES.under(policy).into() });
    }
    Basis::of(&tenant, &links)
}

fn reasons(answer: &Answer) -> Vec<(i64, i64, Reason)> {
    answer
        .unknown
        .iter()
        .map(|u| (u.start_us / 1_000_000, u.end_us / 1_000_000, u.reason))
        .collect()
}

#[test]
fn a_resource_is_busy_when_any_of_its_calendars_is() {
    let one: &[_] = &[(100, 200, BusyClass::Busy), (900, 1000, BusyClass::Busy)];
    let other: &[_] = &[(150, 300, BusyClass::Tentative), (950, 960, BusyClass::OutOfOffice)];
    let basis = basis(&[(facts(), Policy::default(), one), (facts(), Policy::default(), other)]);
    let answer = answer(&question(120, 955), &basis);
    let busy: Vec<_> =
        answer.busy.iter().map(|b| (b.0 / 1_000_000, b.1 / 1_000_000, b.2)).collect();
    let expected = vec![
        (120, 200, Kind::Busy),
        (200, 300, Kind::Tentative),
        (900, 950, Kind::Busy),
        (950, 955, Kind::OutOfOffice),
    ];
    assert_eq!(busy, expected);
    assert!(answer.is_complete());
}

#[test]
fn the_policy_of_a_link_decides_what_blocks() {
    let rows: &[_] = &[(100, 200, BusyClass::Tentative), (300, 400, BusyClass::WorkingElsewhere)];
    let policy = Policy {
        tentative: Some(Treat::Free),
        working_elsewhere: Some(Treat::Busy),
        ..Policy::default()
    };
    let answer = answer(&question(0, 1000), &basis(&[(facts(), policy, rows)]));
    assert_eq!(answer.busy, vec![(300_000_000, 400_000_000, Kind::Busy)]);
}

#[test]
fn a_stale_calendar_keeps_its_busy_time_and_makes_the_window_unknown() {
    let stale = CalendarFacts { expected_max_age: SignedDuration::from_secs(5), ..facts() };
    let rows: &[_] = &[(100, 200, BusyClass::Busy)];
    let answer = answer(&question(0, 1000), &basis(&[(stale, Policy::default(), rows)]));
    assert_eq!(answer.busy.len(), 1);
    assert_eq!(reasons(&answer), vec![(0, 1000, Reason::Stale)]);
}

#[test]
fn what_lies_outside_the_covered_window_is_unknown() {
    let basis = basis(&[(facts(), Policy::default(), &[])]);
    let answer = answer(&question(-2 * DAY, 11 * DAY), &basis);
    let expected =
        vec![(-2 * DAY, -DAY, Reason::BeyondWindow), (10 * DAY, 11 * DAY, Reason::BeyondWindow)];
    assert_eq!(reasons(&answer), expected);
    assert!(!answer.is_complete());
}

#[test]
fn a_settled_calendar_without_a_window_covers_nothing() {
    let nowhere = CalendarFacts { covered_from: None, covered_until: None, ..facts() };
    let answer = answer(&question(0, 100), &basis(&[(nowhere, Policy::default(), &[])]));
    assert_eq!(reasons(&answer), vec![(0, 100, Reason::BeyondWindow)]);
}

#[test]
fn an_unexpandable_series_makes_only_its_span_unknown() {
    let rows: &[_] = &[(100, 200, BusyClass::Unexpandable), (150, 300, BusyClass::Unexpandable)];
    let answer = answer(&question(0, 1000), &basis(&[(facts(), Policy::default(), rows)]));
    assert!(answer.busy.is_empty());
    assert_eq!(reasons(&answer), vec![(100, 300, Reason::Unexpandable)]);
}

#[test]
fn a_broken_login_and_a_missing_calendar_are_unknown_throughout() {
    let broken = CalendarFacts { login: Login::Broken, ..facts() };
    let answer_broken = answer(&question(0, 100), &basis(&[(broken, Policy::default(), &[])]));
    assert_eq!(reasons(&answer_broken), vec![(0, 100, Reason::NeedsReauth)]);

    let clock = ManualClock::at(at(0));
    let link = Link {
        calendar: CalendarId::mint(&clock, &SeededEntropy::new(1)),
        kinds: DEFAULT_RULES.into(),
    };
    let gone = Basis::of(&Tenant::default(), &[link]);
    assert_eq!(reasons(&answer(&question(0, 100), &gone)), vec![(0, 100, Reason::NeverSynced)]);
}

#[test]
fn an_index_that_is_behind_vouches_for_nothing() {
    let behind = Question { is_current: false, ..question(0, 100) };
    let answer = answer(&behind, &basis(&[(facts(), Policy::default(), &[])]));
    assert_eq!(reasons(&answer), vec![(0, 100, Reason::Stale)]);
}

#[test]
fn a_transparent_calendar_is_never_busy_but_may_be_unknown() {
    let transparent = CalendarFacts { is_transparent: true, ..facts() };
    let rows: &[_] = &[(10, 20, BusyClass::Busy), (30, 40, BusyClass::Unexpandable)];
    let answer = answer(&question(0, 100), &basis(&[(transparent, Policy::default(), rows)]));
    assert!(answer.busy.is_empty());
    assert_eq!(reasons(&answer), vec![(30, 40, Reason::Unexpandable)]);
}

#[test]
fn a_merged_answer_keeps_every_unknown_span_with_its_reasons() {
    let stale = CalendarFacts { expected_max_age: SignedDuration::from_secs(5), ..facts() };
    let rows: &[_] = &[(50, 70, BusyClass::Unexpandable), (10, 20, BusyClass::Busy)];
    let bases =
        [basis(&[(stale, Policy::default(), &[])]), basis(&[(facts(), Policy::default(), rows)])];
    let asked = question(0, 100);
    assert_eq!(merged_busy(&asked, bases.iter()), vec![(10, 20, Kind::Busy)]);
    let unknown: Vec<_> = bases.iter().flat_map(|basis| unknown(&asked, basis)).collect();
    let reasons = vec![Reason::Stale, Reason::Unexpandable];
    let expected = Joint { start_us: 0, end_us: 100_000_000, reasons };
    assert_eq!(merged_unknown(unknown.iter()), vec![expected]);
}

#[test]
fn a_window_within_a_second_cuts_to_itself() {
    let window = |from: i64, until: i64| {
        let at = |us| Timestamp::from_microsecond(us).unwrap();
        Question { window: Span::new(at(from), at(until)).unwrap(), ..question(0, 100) }
    };
    let rows: &[_] = &[(10, 20, BusyClass::Busy), (20, 30, BusyClass::Unexpandable)];
    let basis = basis(&[(facts(), Policy::default(), rows)]);
    let asked = window(10_300_000, 20_700_000);
    let answer = answer(&asked, &basis);
    assert_eq!(answer.busy, vec![(10_300_000, 20_000_000, Kind::Busy)]);
    let unknown = answer.unknown.first().unwrap();
    assert_eq!((unknown.start_us, unknown.end_us), (20_000_000, 20_700_000));
    assert!(super::answer(&window(9_000_000, 9_900_000), &basis).busy.is_empty());
}
