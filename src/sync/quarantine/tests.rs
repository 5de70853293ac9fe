//! When a loss is held back, and what releases it.

use jiff::SignedDuration;

use super::*;
use crate::{
    model::{
        busy::{BusyClass, BusyInterval},
        interval::Span,
    },
    sync::plan::Diff,
};

fn hour(n: usize) -> BusyInterval {
    let start = Timestamp::from_second(1_000_000 + 7_200 * i64::try_from(n).unwrap()).unwrap();
    let span = Span::clamped(start, start + SignedDuration::from_hours(1));
    BusyInterval { span, class: BusyClass::Busy }
}

fn hours(range: std::ops::Range<usize>) -> Vec<BusyInterval> {
    range.map(hour).collect()
}

/// Takes away so many series of one interval.
fn balance(before: usize, removed: usize) -> Balance {
    let mut balance = Balance { before, ..Balance::default() };
    for n in 0..removed {
        let diff = Diff { inserts: vec![], deletes: hours(n..n + 1) };
        balance.count(&format!("/cal/{n}.ics"), &diff, Timestamp::UNIX_EPOCH);
    }
    balance
}

fn judge(balance: &Balance, held: Option<&Held>, now: Timestamp) -> Verdict {
    super::judge(balance, held, true, now)
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn note(balance: &Balance, second: i64) -> Held {
    match judge(balance, None, at(second)) {
        Verdict::Hold(held) => held,
        Verdict::Apply => panic!("expected a quarantine"),
    }
}

#[test]
fn only_large_losses_are_held() {
    let applied = |b: Balance| judge(&b, None, at(0)) == Verdict::Apply;
    assert!(applied(balance(4, 4)), "four are few, even when they are all");
    assert!(!applied(balance(5, 5)));
    assert!(applied(balance(100, 30)), "exactly 30 % is not more than 30 %");
    assert!(!applied(balance(100, 31)));
    assert!(applied(balance(1000, 50)));
    assert!(!applied(balance(1000, 51)));
}

#[test]
fn a_moved_series_loses_nothing() {
    let mut moved = Balance { before: 400, ..Balance::default() };
    let diff = Diff { inserts: hours(1000..1365), deletes: hours(0..365) };
    moved.count("standup", &diff, at(0));
    assert_eq!(judge(&moved, None, at(0)), Verdict::Apply);
}

#[test]
fn the_same_time_under_other_names_is_not_lost() {
    let mut renamed = balance(40, 40);
    for n in 0..40 {
        let diff = Diff { inserts: hours(n..n + 1), deletes: vec![] };
        renamed.count(&format!("/other/{n}.ics"), &diff, at(0));
    }
    assert_eq!(judge(&renamed, None, at(0)), Verdict::Apply);
}

#[test]
fn a_calendar_swapped_for_another_of_its_size_is_held() {
    let mut swapped = balance(40, 40);
    for n in 100..140 {
        let diff = Diff { inserts: hours(n..n + 1), deletes: vec![] };
        swapped.count(&format!("/other/{n}.ics"), &diff, at(0));
    }
    assert_eq!(note(&swapped, 0).lost, 40);
}

#[test]
fn time_that_is_over_free_or_unknown_is_not_lost() {
    let not_busy = |class| hours(0..40).into_iter().map(move |busy| BusyInterval { class, ..busy });
    for class in [BusyClass::Declined, BusyClass::AllDayFree, BusyClass::Unexpandable] {
        let mut balance = Balance { before: 40, ..Balance::default() };
        let diff = Diff { inserts: vec![], deletes: not_busy(class).collect() };
        balance.count("a", &diff, at(0));
        assert!(!balance.takes(), "{class:?}");
    }
    let mut over = Balance { before: 40, ..Balance::default() };
    over.count("a", &Diff { inserts: vec![], deletes: hours(0..40) }, at(10_000_000));
    assert!(!over.takes());
    let mut hidden = Balance { before: 40, ..Balance::default() };
    let unknown =
        BusyInterval { span: Span::clamped(at(0), at(10_000_000)), class: BusyClass::Unexpandable };
    hidden.count("a", &Diff { inserts: vec![unknown], deletes: hours(0..40) }, at(0));
    assert_eq!(note(&hidden, 0).lost, 40, "not knowing gives no time back");
}

#[test]
fn a_rejection_outlives_deltas_that_say_nothing_of_it() {
    let held = Held { word: Word::Rejected, ..note(&balance(20, 10), 0) };
    let quiet = super::judge(&Balance::default(), Some(&held), false, at(9_000));
    assert_eq!(quiet, Verdict::Hold(held.clone()));
    let Verdict::Hold(both) = super::judge(&balance(40, 30), Some(&held), false, at(9_000)) else {
        panic!("expected a quarantine")
    };
    assert!(both.holds("/cal/2.ics") && both.holds("/cal/29.ics") && !both.holds("/cal/99.ics"));
}

#[test]
fn a_note_from_the_future_waits_its_minute_from_now() {
    let loss = balance(40, 40);
    let held = note(&loss, 9_000);
    let Verdict::Hold(again) = judge(&loss, Some(&held), at(100)) else {
        panic!("expected a quarantine")
    };
    assert_eq!(judge(&loss, Some(&again), at(160)), Verdict::Apply);
}

#[test]
fn a_second_listing_that_misses_the_same_releases_it_after_a_minute() {
    let loss = balance(40, 40);
    let held = note(&loss, 0);
    assert!(matches!(judge(&loss, Some(&held), at(59)), Verdict::Hold(again) if again == held));
    assert_eq!(judge(&loss, Some(&held), at(60)), Verdict::Apply);
}

#[test]
fn a_second_listing_that_misses_more_starts_over() {
    let held = note(&balance(40, 20), 0);
    let Verdict::Hold(again) = judge(&balance(40, 40), Some(&held), at(90)) else {
        panic!("expected a quarantine")
    };
    assert_eq!(again.since, at(90));
}

#[test]
fn a_move_beside_a_loss_needs_no_third_look() {
    let mut first = balance(40, 20);
    first.count("moved", &Diff { inserts: hours(90..91), deletes: hours(80..81) }, at(0));
    first.count("renamed", &Diff { inserts: vec![], deletes: hours(85..86) }, at(0));
    first.count("name", &Diff { inserts: hours(85..86), deletes: vec![] }, at(0));
    let held = note(&first, 0);
    assert_eq!(held.lost, 20);
    // What was given is in store; what was taken waits still.
    let mut second = balance(42, 20);
    second.count("moved", &Diff { inserts: vec![], deletes: hours(80..81) }, at(0));
    second.count("renamed", &Diff { inserts: vec![], deletes: hours(85..86) }, at(0));
    assert_eq!(judge(&second, Some(&held), at(60)), Verdict::Apply);
    second.count("moved", &Diff { inserts: vec![], deletes: hours(90..91) }, at(0));
    let gone = judge(&second, Some(&held), at(60));
    assert!(matches!(gone, Verdict::Hold(again) if again.since == at(60)), "the move too");
}

#[test]
fn a_second_listing_that_finds_all_again_clears_it() {
    let held = note(&balance(40, 40), 0);
    assert_eq!(judge(&balance(40, 0), Some(&held), at(30)), Verdict::Apply);
}

#[test]
fn an_operator_decides_at_once() {
    let loss = balance(40, 40);
    let confirmed = Held { word: Word::Confirmed, ..note(&loss, 0) };
    assert_eq!(judge(&loss, Some(&confirmed), at(1)), Verdict::Apply);
    let rejected = Held { word: Word::Rejected, ..note(&loss, 0) };
    assert!(matches!(judge(&loss, Some(&rejected), at(9_000)), Verdict::Hold(_)));
}

#[test]
fn a_rejection_holds_what_it_was_about_and_nothing_else() {
    let held = Held { word: Word::Rejected, ..note(&balance(20, 10), 0) };
    let Verdict::Hold(kept) = judge(&balance(20, 12), Some(&held), at(9_000)) else {
        panic!("expected a quarantine")
    };
    assert!(kept.holds("/cal/9.ics"));
    assert!(!kept.holds("/cal/11.ics"), "somebody deleted two more, and is believed");
    let back = judge(&balance(20, 0), Some(&held), at(9_000));
    assert_eq!(back, Verdict::Apply, "all are back");
}

#[test]
fn a_huge_loss_is_recognised_again_though_its_series_are_not_named() {
    let loss = balance(9_000, 9_000);
    let held = note(&loss, 0);
    assert!(serde_json::to_string(&held).unwrap().len() < 4_000);
    assert_eq!(judge(&loss, Some(&held), at(60)), Verdict::Apply);
}
