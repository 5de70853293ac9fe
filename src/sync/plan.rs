//! What a round changes: stored against wanted, in plain values. Nothing here reads or writes.

use std::{borrow::Cow, collections::HashSet};

use crate::model::{busy::BusyInterval, interval::Span};

/// The busy intervals of one series that come and go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    pub inserts: Vec<BusyInterval>,
    pub deletes: Vec<BusyInterval>,
}

impl Diff {
    pub fn is_empty(&self) -> bool {
        self.inserts.is_empty() && self.deletes.is_empty()
    }

    /// The span that an answer may differ in, or `None` when it cannot.
    pub fn touched(&self) -> Option<Span> {
        let all = self.inserts.iter().chain(&self.deletes).map(|busy| busy.span);
        all.reduce(|a, b| Span::clamped(a.start().min(b.start()), a.end().max(b.end())))
    }
}

/// Compares what is stored of a series with what it expands to.
pub fn diff(stored: &[BusyInterval], wanted: &[BusyInterval]) -> Diff {
    let (stored, wanted) = (sorted(stored), sorted(wanted));
    Diff { inserts: without(&wanted, &stored), deletes: without(&stored, &wanted) }
}

fn sorted(intervals: &[BusyInterval]) -> Cow<'_, [BusyInterval]> {
    // Told once is enough, and an expansion is sorted already.
    if intervals.is_sorted_by(|a, b| a < b) {
        return Cow::Borrowed(intervals);
    }
    let mut sorted = intervals.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    Cow::Owned(sorted)
}

/// What stands in `these` and not in `those`; both are sorted.
fn without(these: &[BusyInterval], those: &[BusyInterval]) -> Vec<BusyInterval> {
    let mut those = those.iter().peekable();
    let is_new = |busy: &&BusyInterval| {
        while those.next_if(|other| *other < *busy).is_some() {}
        those.peek() != Some(busy)
    };
    these.iter().filter(is_new).copied().collect()
}

/// The items that a complete listing did not show and that nobody touched since it began.
pub fn absent(
    known: impl IntoIterator<Item = String>,
    seen: &HashSet<String>,
    touched: &HashSet<String>,
) -> Vec<String> {
    let gone = known.into_iter().filter(|item| !seen.contains(item) && !touched.contains(item));
    let mut gone: Vec<String> = gone.collect();
    gone.sort_unstable();
    gone
}

/// One row to write. The order within a series makes any cut between transactions repeatable: each removal after
/// the additions that take its place, and the event that would make the next round skip it last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<E> {
    Add(String, BusyInterval),
    Take(String, BusyInterval),
    Keep(E),
    Drop(String),
}

/// All that one series changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesPlan<E> {
    pub series: String,
    pub diff: Diff,
    pub keep: Vec<E>,
    pub drop: Vec<String>,
}

impl<E> SeriesPlan<E> {
    /// A plan that changes nothing yet.
    pub fn of(series: &str) -> Self {
        let (keep, drop) = (Vec::new(), Vec::new());
        Self { series: series.to_owned(), diff: Diff::default(), keep, drop }
    }

    /// Whether it only adds, so that it may be stored before the round has been judged.
    pub fn only_adds(&self) -> bool {
        self.diff.deletes.is_empty() && self.drop.is_empty()
    }

    /// The rows to write, in an order that survives being cut anywhere: no time that stays busy is free in between, and
    /// what is left of a series that only moved is still additions and removals in about equal number, not a mass
    /// deletion to who repeats the round.
    pub fn steps(self) -> impl Iterator<Item = Step<E>> {
        let Self { series, diff, keep, drop } = self;
        let surplus = diff.inserts.len().saturating_sub(diff.deletes.len());
        let mut steps = Vec::with_capacity(diff.inserts.len() + diff.deletes.len());
        let mut inserts = diff.inserts.into_iter().peekable();
        for (nth, gone) in diff.deletes.into_iter().enumerate() {
            while steps.len() <= surplus + 2 * nth
                || inserts.peek().is_some_and(|new| new.span.start() < gone.span.end())
            {
                let Some(new) = inserts.next() else { break };
                steps.push(Step::Add(series.clone(), new));
            }
            steps.push(Step::Take(series.clone(), gone));
        }
        steps.extend(inserts.map(|new| Step::Add(series.clone(), new)));
        steps
            .into_iter()
            .chain(keep.into_iter().map(Step::Keep))
            .chain(drop.into_iter().map(Step::Drop))
    }
}

/// Cuts steps into transactions of at most `limit` rows.
pub fn cut<E>(steps: impl IntoIterator<Item = Step<E>>, limit: usize) -> Vec<Vec<Step<E>>> {
    let mut batches: Vec<Vec<Step<E>>> = Vec::new();
    for step in steps {
        match batches.last_mut() {
            Some(batch) if batch.len() < limit => batch.push(step),
            _ => batches.push(vec![step]),
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::model::busy::BusyClass;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn busy(start: i64, end: i64) -> BusyInterval {
        BusyInterval { span: Span::clamped(at(start), at(end)), class: BusyClass::Busy }
    }

    #[test]
    fn equal_sets_change_nothing() {
        let set = [busy(0, 10), busy(20, 30)];
        assert!(diff(&set, &[busy(20, 30), busy(0, 10)]).is_empty());
    }

    #[test]
    fn a_moved_instance_takes_one_and_adds_one() {
        let moved = diff(&[busy(0, 10), busy(20, 30)], &[busy(0, 10), busy(25, 35)]);
        assert_eq!((moved.inserts.len(), moved.deletes.len()), (1, 1));
        assert_eq!(moved.touched(), Some(Span::clamped(at(20), at(35))));
    }

    #[test]
    fn another_class_of_the_same_span_is_another_interval() {
        let tentative = BusyInterval { class: BusyClass::Tentative, ..busy(0, 10) };
        assert_eq!(diff(&[busy(0, 10)], &[tentative]).deletes, vec![busy(0, 10)]);
    }

    #[test]
    fn absence_takes_what_was_not_seen_and_not_touched_meanwhile() {
        let set = |name: &str| HashSet::from([name.to_owned()]);
        let known = ["a", "b", "late"].map(str::to_owned);
        assert_eq!(absent(known, &set("a"), &set("late")), ["b"]);
    }

    #[test]
    fn a_cut_keeps_the_order_and_the_limit() {
        let plan = SeriesPlan {
            series: "s".to_owned(),
            diff: diff(&[busy(0, 1), busy(2, 3)], &[busy(4, 5), busy(6, 7), busy(8, 9)]),
            keep: vec!["event"],
            drop: vec![],
        };
        let batches = cut(plan.steps(), 4);
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [4, 2]);
        assert!(matches!(batches[0][..3], [Step::Add(..), Step::Add(..), Step::Take(..)]));
        assert!(matches!(batches[1][..], [Step::Take(..), Step::Keep("event")]));
    }

    #[test]
    fn a_moved_series_that_is_cut_does_not_look_like_a_mass_deletion() {
        let at = |from: i64| (0..100).map(move |day| busy(day * 100 + from, day * 100 + from + 10));
        let (old, new): (Vec<_>, Vec<_>) = (at(0).collect(), at(20).collect());
        let plan = SeriesPlan { diff: diff(&old, &new), ..SeriesPlan::<&str>::of("s") };
        let mut lost = 0;
        for step in plan.steps() {
            lost += if matches!(step, Step::Take(..)) { 1 } else { -1 };
            assert!((-1..=0).contains(&lost), "at no cut more is taken than was added");
        }
        assert_eq!(lost, 0);
    }

    fn some() -> impl Strategy<Value = Vec<BusyInterval>> {
        let one = (0_i64..60, 1_i64..12, any::<bool>()).prop_map(|(from, long, is_tentative)| {
            let class = if is_tentative { BusyClass::Tentative } else { BusyClass::Busy };
            BusyInterval { class, ..busy(from, from + long) }
        });
        proptest::collection::vec(one, 0..12)
    }

    proptest! {
        #[test]
        fn time_that_stays_taken_is_free_at_no_cut(old in some(), new in some()) {
            let taken = |all: &[BusyInterval]| -> Vec<bool> {
                let within = |second| move |busy: &BusyInterval| busy.span.start() <= at(second) && at(second) < busy.span.end();
                (0..72).map(|second| all.iter().any(within(second))).collect()
            };
            let (before, after) = (taken(&old), taken(&new));
            let plan = SeriesPlan { diff: diff(&old, &new), ..SeriesPlan::<&str>::of("s") };
            let mut now = sorted(&old).into_owned();
            for step in plan.steps() {
                match step {
                    Step::Add(_, busy) => now.push(busy),
                    Step::Take(_, busy) => now.retain(|kept| *kept != busy),
                    Step::Keep(_) | Step::Drop(_) => {}
                }
                let is_freed = taken(&now).iter().zip(before.iter().zip(&after)).any(|(now, (was, stays))| *was && *stays && !now);
                prop_assert!(!is_freed);
            }
            prop_assert_eq!(sorted(&now), sorted(&new));
        }
    }
}
