//! The union of many people's busy time on a grid of minutes, a bit each.
//!
//! Most calendars begin and end everything on a whole minute. Then the union is exact, costs a few
//! nanoseconds an interval, and nothing is sorted.

use super::{
    Basis, Seconds,
    runs::{Run, spans},
};
use crate::model::busy::Kind;

const MINUTE_S: i64 = 60;
/// A grid pays while it has at most so many words an interval.
const WORDS_AN_INTERVAL: usize = 4;

/// The union, or `None` where something does not begin or end on a minute, or a grid would not pay.
pub(super) fn merged<'a>(
    bounds: Seconds,
    bases: &(impl Iterator<Item = &'a Basis> + Clone),
) -> Option<Vec<Run>> {
    let origin = bounds.from.div_euclid(MINUTE_S) * MINUTE_S;
    let minutes = usize::try_from(bounds.until.checked_sub(origin)? / MINUTE_S + 1).ok()?;
    let words = minutes.div_ceil(64);
    let calendars = || bases.clone().flat_map(Basis::blocking);
    let intervals: usize = calendars().map(|(_, busy)| busy.len()).sum();
    if words > intervals.saturating_mul(WORDS_AN_INTERVAL) {
        return None;
    }
    let mut grid = Grid { words: [vec![0; words], vec![0; words], vec![0; words]] };
    for (kinds, busy) in calendars() {
        for (start, end, kind) in spans(busy, kinds, bounds) {
            let (from, to) = (minute(start, origin, bounds)?, minute(end, origin, bounds)?);
            grid.fill(kind, from, to);
        }
    }
    Some(grid.runs(origin, bounds))
}

/// The minute that begins at `at`. The window's own ends may lie within theirs: no interval is then cut there
/// but by the window.
fn minute(at: i64, origin: i64, bounds: Seconds) -> Option<usize> {
    let (minute, rest) = ((at - origin) / MINUTE_S, (at - origin) % MINUTE_S);
    let up = match rest {
        0 => 0,
        _ if at == bounds.from => 0,
        _ if at == bounds.until => 1,
        _ => return None,
    };
    usize::try_from(minute + up).ok()
}

/// A bit a minute, a row of them a kind, the strongest first.
struct Grid {
    words: [Vec<u64>; 3],
}

fn row(kind: Kind) -> usize {
    match kind {
        Kind::OutOfOffice => 0,
        Kind::Busy => 1,
        Kind::Tentative => 2,
    }
}

impl Grid {
    /// Sets the minutes `[from, to)`.
    fn fill(&mut self, kind: Kind, from: usize, to: usize) {
        let Some(words) = self.words.get_mut(row(kind)) else { return };
        let Some(last) = to.checked_sub(1).filter(|last| *last >= from) else { return };
        let (head, tail) = (u64::MAX << (from % 64), u64::MAX >> (63 - last % 64));
        match words.get_mut(from / 64..=last / 64) {
            Some([only]) => *only |= head & tail,
            Some([first, between @ .., end]) => {
                *first |= head;
                between.fill(u64::MAX);
                *end |= tail;
            }
            _ => {}
        }
    }

    /// What is set, as runs; a minute belongs to its strongest kind.
    fn runs(&self, origin: i64, bounds: Seconds) -> Vec<Run> {
        let [away, busy, tentative] = &self.words;
        let mut runs = Runs { open: None, found: Vec::new(), origin, bounds };
        for (place, ((away, busy), tentative)) in away.iter().zip(busy).zip(tentative).enumerate() {
            let rows = [
                (Kind::OutOfOffice, *away),
                (Kind::Busy, busy & !away),
                (Kind::Tentative, tentative & !busy & !away),
            ];
            runs.word(place, rows);
        }
        runs.close(i64::MAX);
        runs.found
    }
}

struct Runs {
    open: Option<(i64, Kind)>,
    found: Vec<Run>,
    origin: i64,
    bounds: Seconds,
}

impl Runs {
    /// Walks the 64 minutes of one word from change to change.
    fn word(&mut self, place: usize, rows: [(Kind, u64); 3]) {
        let first = i64::try_from(place * 64).unwrap_or(i64::MAX);
        let mut bit = 0;
        while bit < 64 {
            let here = rows.iter().find(|(_, word)| word >> bit & 1 == 1).copied();
            let (kind, word) = match here {
                Some((kind, word)) => (Some(kind), word),
                None => (None, !rows.iter().fold(0, |all, (_, word)| all | word)),
            };
            if self.open.map(|(_, kind)| kind) != kind {
                self.close(first + i64::from(bit));
                self.open = kind.map(|kind| (first + i64::from(bit), kind));
            }
            bit += (!(word >> bit)).trailing_zeros().clamp(1, 64);
        }
    }

    fn close(&mut self, minute: i64) {
        if let Some((since, kind)) = self.open.take() {
            let second = |minute: i64| self.origin.saturating_add(minute.saturating_mul(MINUTE_S));
            let (start, end) =
                (second(since).max(self.bounds.from), second(minute).min(self.bounds.until));
            self.found.push((start, end, kind));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::merge::Merge;

    proptest! {
        #[test]
        fn the_union_on_a_grid_is_the_merge(
            from in 0_i64..4_000,
            long in 1_i64..60_000,
            list in proptest::collection::vec((-50_i64..1_200, 1_i64..200, 0_usize..3), 0..40),
        ) {
            let bounds = Seconds { from, until: from + long };
            let origin = from.div_euclid(MINUTE_S) * MINUTE_S;
            let words = usize::try_from((bounds.until - origin) / MINUTE_S + 1).unwrap().div_ceil(64);
            let mut grid = Grid { words: [vec![0; words], vec![0; words], vec![0; words]] };
            let mut merge = Merge::default();
            for (at, long, kind) in list {
                let kind = Kind::STRONGEST_FIRST[kind];
                let (start, end) = ((at * MINUTE_S).max(bounds.from), ((at + long) * MINUTE_S).min(bounds.until));
                if start < end {
                    merge.add(start, end, kind);
                    let place = |at| minute(at, origin, bounds).unwrap();
                    grid.fill(kind, place(start), place(end));
                }
            }
            prop_assert_eq!(grid.runs(origin, bounds), merge.finish());
        }
    }
}
