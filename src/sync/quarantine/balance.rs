//! What one round takes away and gives, weighed.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Held, NAMED, short};
use crate::{
    model::{busy::BusyInterval, interval::Span, merge::union, policy::DEFAULT_RULES},
    sync::plan::Diff,
};

/// Fewer lost intervals than this are never suspicious.
const FEW: usize = 5;
/// More lost intervals than this always are.
const MANY: usize = 50;
/// And so is a larger share than this, in percent.
const SHARE: usize = 30;

/// What one round takes away and gives, in future busy intervals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Known before the round.
    pub before: usize,
    /// By series, what it takes away and how many it gives.
    pub(super) series: BTreeMap<String, Tally>,
    /// All that the round gives, whatever the series.
    pub(super) gained: Vec<Span>,
    /// The series that an operator has judged already count no more.
    pub(super) spared: BTreeSet<String>,
    /// By series, what an earlier look found given for what it takes: that is in store since.
    pub(super) given_before: BTreeMap<String, usize>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
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
    pub(super) fn losses(&self) -> BTreeMap<&str, (usize, Vec<Span>)> {
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
    pub(super) fn given(&self) -> BTreeMap<String, usize> {
        let weighed = self.weighed();
        let given = weighed.iter().filter(|(_, (_, kept, _))| *kept > 0);
        let given: BTreeMap<_, _> = given.map(|(it, (_, kept, _))| (short(it), *kept)).collect();
        if given.len() > NAMED { BTreeMap::new() } else { given }
    }

    pub(super) fn lost(&self) -> usize {
        self.losses().values().map(|(lost, _)| lost).sum()
    }

    pub(super) fn is_suspicious(&self) -> bool {
        let lost = self.lost();
        lost >= FEW && (lost > MANY || lost * 100 > self.before * SHARE)
    }

    pub(super) fn missing(&self) -> BTreeSet<String> {
        self.losses().into_keys().map(short).collect()
    }

    /// The same round as one that knows what an earlier look found given.
    pub(super) fn after(&self, held: &Held) -> Self {
        Self { given_before: held.given.clone(), ..self.clone() }
    }

    /// The same round without the series that an operator has judged already.
    pub(super) fn without(&self, held: &Held) -> Self {
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
