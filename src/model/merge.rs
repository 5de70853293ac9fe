//! Many busy spans into one sorted, disjoint list in which the strongest kind wins.
//!
//! Works on plain microseconds: it runs for every answer, over up to a hundred thousand intervals.

use super::busy::Kind;

/// A half-open run of microseconds, `start < end`.
pub type Run = (i64, i64);

/// Collects spans by kind. Cheap to fill: nothing is sorted before [`Merge::finish`].
#[derive(Clone, Debug, Default)]
pub struct Merge {
    out_of_office: Vec<Run>,
    busy: Vec<Run>,
    tentative: Vec<Run>,
}

impl Merge {
    /// Adds a span; an empty one adds nothing.
    pub fn add(&mut self, start_us: i64, end_us: i64, kind: Kind) {
        if start_us < end_us {
            self.of(kind).push((start_us, end_us));
        }
    }

    /// Adds everything that another collection holds.
    pub fn absorb(&mut self, other: &[(i64, i64, Kind)]) {
        for &(start, end, kind) in other {
            self.add(start, end, kind);
        }
    }

    fn of(&mut self, kind: Kind) -> &mut Vec<Run> {
        match kind {
            Kind::OutOfOffice => &mut self.out_of_office,
            Kind::Busy => &mut self.busy,
            Kind::Tentative => &mut self.tentative,
        }
    }

    /// The merged list: sorted, disjoint, equal neighbours joined, the strongest kind where they overlapped.
    pub fn finish(mut self) -> Vec<(i64, i64, Kind)> {
        let mut taken: Vec<Run> = Vec::new();
        let mut all: Vec<(i64, i64, Kind)> = Vec::new();
        for kind in Kind::STRONGEST_FIRST {
            let runs = union(std::mem::take(self.of(kind)));
            if runs.is_empty() {
                continue;
            }
            if taken.is_empty() {
                all.extend(runs.iter().map(|&(start, end)| (start, end, kind)));
                taken = runs;
            } else {
                all.extend(less(&runs, &taken).into_iter().map(|(start, end)| (start, end, kind)));
                taken.extend(runs);
                taken = union(taken);
            }
        }
        all.sort_unstable();
        all
    }
}

/// Sorts runs and joins those that touch or overlap.
pub fn union(mut runs: Vec<Run>) -> Vec<Run> {
    // Stable: the input is a few sorted lists behind one another, which it merges in linear time.
    runs.sort();
    runs.dedup_by(|next, kept| {
        let joins = next.0 <= kept.1;
        if joins {
            kept.1 = kept.1.max(next.1);
        }
        joins
    });
    runs
}

/// What of `runs` is not in `taken`. Both sorted and disjoint.
fn less(runs: &[Run], taken: &[Run]) -> Vec<Run> {
    let mut left = Vec::with_capacity(runs.len());
    let mut ahead = taken.iter().peekable();
    for &(mut start, end) in runs {
        while ahead.next_if(|t| t.1 <= start).is_some() {}
        let mut look = ahead.clone();
        while let Some(&(from, until)) = look.next_if(|t| t.0 < end) {
            if start < from {
                left.push((start, from));
            }
            start = start.max(until);
        }
        if start < end {
            left.push((start, end));
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn merged(spans: &[(i64, i64, Kind)]) -> Vec<(i64, i64, Kind)> {
        let mut merge = Merge::default();
        merge.absorb(spans);
        merge.finish()
    }

    fn kind_at(spans: &[(i64, i64, Kind)], at: i64) -> Option<Kind> {
        spans.iter().filter(|s| s.0 <= at && at < s.1).map(|s| s.2).max()
    }

    fn spans() -> impl Strategy<Value = Vec<(i64, i64, Kind)>> {
        let kind = prop_oneof![Just(Kind::Tentative), Just(Kind::Busy), Just(Kind::OutOfOffice)];
        proptest::collection::vec((0_i64..80, 0_i64..12, kind), 0..24).prop_map(|list| {
            list.into_iter().map(|(at, long, kind)| (at, at + long, kind)).collect()
        })
    }

    #[test]
    fn the_strongest_kind_wins_where_spans_overlap() {
        let answer =
            merged(&[(0, 10, Kind::Tentative), (2, 4, Kind::Busy), (3, 6, Kind::OutOfOffice)]);
        let expected = vec![
            (0, 2, Kind::Tentative),
            (2, 3, Kind::Busy),
            (3, 6, Kind::OutOfOffice),
            (6, 10, Kind::Tentative),
        ];
        assert_eq!(answer, expected);
    }

    proptest! {
        #[test]
        fn every_instant_keeps_its_strongest_kind(list in spans()) {
            let answer = merged(&list);
            for at in -1..100 {
                prop_assert_eq!(kind_at(&answer, at), kind_at(&list, at));
            }
        }

        #[test]
        fn an_answer_is_sorted_and_disjoint_and_has_no_seams(list in spans()) {
            for pair in merged(&list).windows(2) {
                prop_assert!(pair[0].1 < pair[1].0 || (pair[0].1 == pair[1].0 && pair[0].2 != pair[1].2));
            }
        }

        #[test]
        fn the_busy_time_of_a_merge_is_the_merge_of_the_busy_times(a in spans(), b in spans()) {
            let together: Vec<_> = a.iter().chain(&b).copied().collect();
            let mut apart = merged(&a);
            apart.extend(merged(&b));
            prop_assert_eq!(merged(&together), merged(&apart));
        }
    }
}
