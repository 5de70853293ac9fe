//! When a removal looks like a fault of the provider rather than somebody's wish (`design.md` rule 12).
//!
//! Measured in future busy intervals lost after additions, in one round, by tombstones, absence and edits
//! alike; ageing out of the window is no round and never counts. What is held back is only the removal; a second listing at least 60 s later that misses the same
//! releases it, and so does an operator.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{plan::Diff, schedule::SECOND_LOOK};
use crate::model::{busy::BusyInterval, interval::Span, merge::union, policy::DEFAULT_RULES};

/// Fewer lost intervals than this are never suspicious.
const FEW: usize = 5;
/// More lost intervals than this always are.
const MANY: usize = 50;
/// And so is a larger share than this, in percent.
const SHARE: usize = 30;
/// So many of the lost spans are shown to an operator.
const SHOWN: usize = 50;
/// Beyond this many series only their digest is kept, so that the note stays small.
const NAMED: usize = 4_096;

/// What one round takes away and gives, in future busy intervals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Known before the round.
    pub before: usize,
    /// By series, what it takes away and how many it gives.
    series: BTreeMap<String, Tally>,
    /// All that the round gives, whatever the series.
    gained: Vec<Span>,
    /// The series that an operator has judged already count no more.
    spared: BTreeSet<String>,
    /// By series, what an earlier look found given for what it takes: that is in store since.
    given_before: BTreeMap<String, usize>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Tally {
    removed: Vec<Span>,
    added: usize,
}

impl Balance {
    /// Counts what becomes of one series; what is over at `now`, or takes no time, does not count.
    pub fn count(&mut self, series: &str, diff: &Diff, now: Timestamp) {
        let counts = |busy: &&BusyInterval| is_future_busy(busy, now);
        let gained = diff.inserts.iter().filter(counts).map(|busy| busy.span);
        let had = self.gained.len();
        self.gained.extend(gained);
        let added = self.gained.len() - had;
        let removed: Vec<Span> = diff.deletes.iter().filter(counts).map(|busy| busy.span).collect();
        if removed.is_empty() && !self.series.contains_key(series) {
            return;
        }
        let tally = self.series.entry(series.to_owned()).or_default();
        tally.removed.extend(removed);
        tally.added += added;
    }

    /// Whether anything is taken away at all.
    pub fn takes(&self) -> bool {
        !self.series.is_empty()
    }

    /// What is lost after additions, by series. An interval is not lost while its time stays taken by what
    /// the round gives, under whatever name; and a series that moves gives as many as it takes. One calendar
    /// swapped for another of the same size does neither.
    fn losses(&self) -> BTreeMap<&str, (usize, Vec<Span>)> {
        let weighed = self.weighed().into_iter();
        weighed
            .filter(|(_, (lost, ..))| *lost > 0)
            .map(|(it, (n, _, open))| (it, (n, open)))
            .collect()
    }

    /// Of each series that takes: how much is lost, how much was given for it, and the spans that nothing covers.
    fn weighed(&self) -> BTreeMap<&str, (usize, usize, Vec<Span>)> {
        let given =
            union(self.gained.iter().map(|span| (span.start_us(), span.end_us())).collect());
        let mut all = BTreeMap::new();
        for (series, tally) in &self.series {
            if self.spared.contains(&short(series)) {
                continue;
            }
            let removed = tally.removed.len();
            let open: Vec<Span> =
                tally.removed.iter().copied().filter(|span| !covers(&given, *span)).collect();
            let before = self.given_before.get(&short(series)).copied().unwrap_or(0);
            let kept = (tally.added + before).max(removed - open.len()).min(removed);
            all.insert(series.as_str(), (removed - kept, kept, open));
        }
        all
    }

    /// What was given for what is taken, by series, unless there are too many to name.
    fn given(&self) -> BTreeMap<String, usize> {
        let weighed = self.weighed();
        let given = weighed.iter().filter(|(_, (_, kept, _))| *kept > 0);
        let given: BTreeMap<_, _> = given.map(|(it, (_, kept, _))| (short(it), *kept)).collect();
        if given.len() > NAMED { BTreeMap::new() } else { given }
    }

    fn lost(&self) -> usize {
        self.losses().values().map(|(lost, _)| lost).sum()
    }

    fn is_suspicious(&self) -> bool {
        let lost = self.lost();
        lost >= FEW && (lost > MANY || lost * 100 > self.before * SHARE)
    }

    fn missing(&self) -> BTreeSet<String> {
        self.losses().into_keys().map(short).collect()
    }

    /// The same round without the series that an operator has judged already.
    fn without(&self, held: &Held) -> Self {
        let spared = self.series.keys().filter(|series| held.holds(series)).map(|s| short(s));
        Self { spared: spared.collect(), ..self.clone() }
    }
}

/// Whether an interval counts as future busy time: that somebody declined it or marked it free, or that it
/// could not be expanded, is no time taken.
fn is_future_busy(busy: &BusyInterval, now: Timestamp) -> bool {
    busy.span.end() > now && DEFAULT_RULES.kind(busy.class).is_some()
}

/// How many of these intervals are future busy time.
pub fn future(intervals: &[BusyInterval], now: Timestamp) -> usize {
    intervals.iter().filter(|busy| is_future_busy(busy, now)).count()
}

/// Whether sorted, disjoint spans take all of one.
fn covers(given: &[(i64, i64)], span: Span) -> bool {
    let at = given.partition_point(|(start, _)| *start <= span.start_us());
    let before = at.checked_sub(1).and_then(|at| given.get(at));
    before.is_some_and(|(_, end)| *end >= span.end_us())
}

/// The note on a calendar whose removals are held back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    pub since: Timestamp,
    pub lost: usize,
    pub before: usize,
    #[serde(default)]
    pub word: Word,
    /// Some of the spans that would be lost, the earliest first.
    #[serde(default)]
    pub spans: Vec<(Timestamp, Timestamp)>,
    /// One short hash for each series that would lose something; empty when there are too many to name.
    series: BTreeSet<String>,
    /// The other series whose removals wait too, though as much was given for them; that is stored already, so
    /// the next look does not see it given.
    #[serde(default)]
    given: BTreeMap<String, usize>,
    digest: String,
}

/// What an operator said about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    #[default]
    None,
    /// The removal is real: the next listing may take the time away.
    Confirmed,
    /// The provider is wrong: keep the time, however often it is missed.
    Rejected,
}

impl Held {
    fn of(balance: &Balance, since: Timestamp, word: Word) -> Self {
        let losses = balance.losses();
        let lost = losses.values().map(|(lost, _)| lost).sum();
        let mut spans: Vec<Span> = losses.values().flat_map(|(_, spans)| spans).copied().collect();
        spans.sort_unstable();
        spans.truncate(SHOWN);
        let spans = spans.into_iter().map(|span| (span.start(), span.end())).collect();
        let series: BTreeSet<String> = losses.into_keys().map(short).collect();
        let digest = digest(&series);
        let series = if series.len() > NAMED { BTreeSet::new() } else { series };
        let given = balance.given();
        Self { since, lost, before: balance.before, word, spans, series, given, digest }
    }

    /// Whether the removals of this series are held back: all, or those that an operator rejected.
    pub fn holds(&self, series: &str) -> bool {
        self.word != Word::Rejected
            || self.series.is_empty()
            || self.series.contains(&short(series))
    }

    /// A rejection with only those series that are missing still, or `None` when all are back.
    fn still_missing(&self, balance: &Balance) -> Option<Self> {
        let now = balance.missing();
        let is_named = !self.series.is_empty();
        let series: BTreeSet<String> = self.series.intersection(&now).cloned().collect();
        let is_over = if is_named { series.is_empty() } else { now.is_empty() };
        (!is_over).then(|| Self { series, ..self.clone() })
    }

    /// Whether all that is missed now was missed already when this note was made.
    fn covers(&self, balance: &Balance) -> bool {
        let now = balance.missing();
        digest(&now) == self.digest || now.is_subset(&self.series)
    }

    /// The same note with what is missing besides, as the operator has judged it.
    fn and(&self, balance: &Balance) -> Self {
        let more = Self::of(balance, self.since, self.word);
        let both: BTreeSet<String> = self.series.union(&more.series).cloned().collect();
        let is_named = !self.series.is_empty() && both.len() <= NAMED;
        let spans = if more.spans.is_empty() { self.spans.clone() } else { more.spans };
        let lost = self.lost.max(more.lost);
        let digest = digest(&both);
        Self { lost, spans, series: if is_named { both } else { BTreeSet::new() }, digest, ..more }
    }

    fn is_ripe(&self, now: Timestamp) -> bool {
        let wait = SignedDuration::try_from(SECOND_LOOK).unwrap_or(SignedDuration::ZERO);
        now.duration_since(self.since) >= wait
    }

    /// Whether deltas go on from where they are: a rejected removal is judged again with the daily listing.
    pub fn may_resume(&self) -> bool {
        self.word == Word::Rejected
    }
}

/// What becomes of a round's removals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Take them; any note on the calendar is cleared.
    Apply,
    /// Keep the time, and leave this note.
    Hold(Held),
}

/// Judges one completed round. `held` is the note that the calendar carries already; `is_whole` tells whether
/// everything was listed, so that what is not missed now is back.
pub fn judge(balance: &Balance, held: Option<&Held>, is_whole: bool, now: Timestamp) -> Verdict {
    let Some(note) = held else { return judge_afresh(balance, None, now) };
    match note.word {
        Word::Confirmed => Verdict::Apply,
        Word::Rejected if balance.without(note).is_suspicious() => Verdict::Hold(note.and(balance)),
        Word::Rejected if !is_whole => Verdict::Hold(note.clone()),
        Word::Rejected => match note.still_missing(balance) {
            None => judge_afresh(balance, None, now),
            Some(kept) => Verdict::Hold(kept),
        },
        Word::None => {
            let given_before = note.given.clone();
            judge_afresh(&Balance { given_before, ..balance.clone() }, Some(note), now)
        }
    }
}

fn judge_afresh(balance: &Balance, held: Option<&Held>, now: Timestamp) -> Verdict {
    match held {
        _ if !balance.is_suspicious() => Verdict::Apply,
        Some(note) if note.covers(balance) && note.is_ripe(now) => Verdict::Apply,
        // The clock was set back since: the minute begins anew.
        Some(note) if note.covers(balance) && note.since > now => {
            Verdict::Hold(Held { since: now, ..note.clone() })
        }
        Some(note) if note.covers(balance) => Verdict::Hold(note.clone()),
        _ => Verdict::Hold(Held::of(balance, now, Word::None)),
    }
}

fn short(series: &str) -> String {
    Sha256::digest(series.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn digest(series: &BTreeSet<String>) -> String {
    short(&series.iter().map(String::as_str).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::busy::BusyClass;

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
        let not_busy =
            |class| hours(0..40).into_iter().map(move |busy| BusyInterval { class, ..busy });
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
        let unknown = BusyInterval {
            span: Span::clamped(at(0), at(10_000_000)),
            class: BusyClass::Unexpandable,
        };
        hidden.count("a", &Diff { inserts: vec![unknown], deletes: hours(0..40) }, at(0));
        assert_eq!(note(&hidden, 0).lost, 40, "not knowing gives no time back");
    }

    #[test]
    fn a_rejection_outlives_deltas_that_say_nothing_of_it() {
        let held = Held { word: Word::Rejected, ..note(&balance(20, 10), 0) };
        let quiet = super::judge(&Balance::default(), Some(&held), false, at(9_000));
        assert_eq!(quiet, Verdict::Hold(held.clone()));
        let Verdict::Hold(both) = super::judge(&balance(40, 30), Some(&held), false, at(9_000))
        else {
            panic!("expected a quarantine")
        };
        assert!(
            both.holds("/cal/2.ics") && both.holds("/cal/29.ics") && !both.holds("/cal/99.ics")
        );
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
}
