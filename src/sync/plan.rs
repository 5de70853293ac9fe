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

/// One row to write. The order within a series makes any cut between transactions repeatable: additions
/// first, then removals, and the event that would make the next round skip it last.
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

    /// The rows to write, in an order that survives being cut anywhere.
    pub fn steps(self) -> impl Iterator<Item = Step<E>> {
        let (add, take) = (self.series.clone(), self.series);
        let adds = self.diff.inserts.into_iter().map(move |b| Step::Add(add.clone(), b));
        let takes = self.diff.deletes.into_iter().map(move |b| Step::Take(take.clone(), b));
        adds.chain(takes)
            .chain(self.keep.into_iter().map(Step::Keep))
            .chain(self.drop.into_iter().map(Step::Drop))
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
        assert!(matches!(batches[0][..3], [Step::Add(..), Step::Add(..), Step::Add(..)]));
        assert!(matches!(batches[1][..], [Step::Take(..), Step::Keep("event")]));
    }
}
