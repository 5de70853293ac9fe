//! Busy time as runs: sorted, disjoint, the strongest kind where intervals overlap.
//!
//! Everything here is in whole seconds since 1970, cut to the window's [`Seconds`]. These loops run over up to
//! a hundred thousand intervals an answer.

use super::{Basis, Question, Seconds};
use crate::{
    index::{Packed, snapshots::Kinds},
    model::{busy::Kind, merge::Merge},
};

/// A run of one kind: start, end, kind.
pub type Run = (i64, i64, Kind);

/// Tells the runs of one resource or calendar in order.
pub fn runs(question: &Question, basis: &Basis, mut tell: impl FnMut(Run)) {
    let bounds = Seconds::of(question.window);
    let mut parts = basis.blocking();
    let (Some((kinds, only)), None) = (parts.next(), parts.next()) else {
        let mut merge = Merge::default();
        add(basis, bounds, &mut merge);
        merge.finish().into_iter().for_each(tell);
        return;
    };
    one_calendar(spans(only, kinds, bounds), &mut tell);
}

/// Tells the intervals of one resource or calendar in any order, in seconds from the window's start; they may
/// overlap.
#[inline]
pub fn touches(question: &Question, basis: &Basis, mut tell: impl FnMut(u64, u64)) {
    let Seconds { from, until } = Seconds::of(question.window);
    for (kinds, busy) in basis.blocking() {
        for (start, end, code) in busy.within(from, until) {
            if kinds.of(code).is_some() {
                tell(start, end);
            }
        }
    }
}

/// The runs of many resources and calendars together.
pub fn merged_busy<'a>(
    question: &Question,
    bases: impl Iterator<Item = &'a Basis> + Clone,
) -> Vec<Run> {
    let bounds = Seconds::of(question.window);
    if let Some(runs) = super::grid::merged(bounds, &bases) {
        return runs;
    }
    let mut merge = Merge::default();
    bases.for_each(|basis| add(basis, bounds, &mut merge));
    merge.finish()
}

fn add(basis: &Basis, bounds: Seconds, merge: &mut Merge) {
    for (kinds, busy) in basis.blocking() {
        for (start, end, kind) in spans(busy, kinds, bounds) {
            merge.add(start, end, kind);
        }
    }
}

/// What blocks of one calendar, sorted by start, cut to the bounds.
#[inline]
pub(super) fn spans<'a>(
    busy: &'a Packed,
    kinds: &'a Kinds,
    bounds: Seconds,
) -> impl Iterator<Item = Run> + 'a {
    busy.touching(bounds.from, bounds.until).filter_map(move |(start, end, code)| {
        let kind = kinds.of(code)?;
        Some((start.max(bounds.from), end.min(bounds.until), kind))
    })
}

/// Joins sorted spans as they come. Only where different kinds meet or overlap they are collected and merged.
#[inline]
fn one_calendar(mut spans: impl Iterator<Item = Run>, tell: &mut impl FnMut(Run)) {
    let mut open = spans.next();
    while let Some((from, to, kind)) = open {
        open = match spans.next() {
            Some((start, end, same)) if start <= to && same == kind => {
                Some((from, to.max(end), kind))
            }
            Some(other) if other.0 <= to => tangle([(from, to, kind), other], &mut spans, tell),
            next => {
                tell((from, to, kind));
                next
            }
        };
    }
}

/// Merges spans for as long as they hang together, and answers the first one behind them.
#[cold]
fn tangle(
    first: [Run; 2],
    spans: &mut impl Iterator<Item = Run>,
    tell: &mut impl FnMut(Run),
) -> Option<Run> {
    let mut merge = Merge::default();
    merge.absorb(&first);
    let mut ends = first.into_iter().fold(i64::MIN, |ends, (_, end, _)| ends.max(end));
    let behind = spans.find(|&(start, end, kind)| {
        let is_behind = start > ends;
        if !is_behind {
            merge.add(start, end, kind);
            ends = ends.max(end);
        }
        is_behind
    });
    merge.finish().into_iter().for_each(tell);
    behind
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kind() -> impl Strategy<Value = Kind> {
        prop_oneof![Just(Kind::Tentative), Just(Kind::Busy), Just(Kind::OutOfOffice)]
    }

    proptest! {
        #[test]
        fn joining_as_they_come_is_the_merge(list in proptest::collection::vec((0_i64..80, 1_i64..12, kind()), 0..24)) {
            let mut spans: Vec<Run> = list.into_iter().map(|(at, long, kind)| (at, at + long, kind)).collect();
            let mut merge = Merge::default();
            merge.absorb(&spans);
            spans.sort_unstable();
            let mut joined = Vec::new();
            one_calendar(spans.into_iter(), &mut |run| joined.push(run));
            prop_assert_eq!(joined, merge.finish());
        }
    }
}
