//! The busy intervals of one calendar in eight bytes each.

use crate::model::busy::BusyClass;

const SECOND_US: i64 = 1_000_000;
const FIELD_BITS: u32 = 30;
const FIELD_MAX: i64 = (1 << FIELD_BITS) - 1;
const CLASS_BITS: u32 = 4;

/// Sorted intervals: 30 bits of seconds from a base, 30 bits of length, 4 bits of class.
///
/// Parts of a second are rounded outwards, so an interval is never shorter than what was stored; 30 bits
/// reach 34 years, and what starts before the base is cut there.
#[derive(Clone, Debug, Default)]
pub struct Packed {
    base_s: i64,
    longest_s: i64,
    /// Whether some entry says that a series could not be expanded.
    has_gaps: bool,
    entries: Box<[u64]>,
}

impl Packed {
    /// Packs rows of (start, end, class) in microseconds, in any order. `base_us` is the earliest instant
    /// that anybody will ask for.
    pub fn new(base_us: i64, rows: impl IntoIterator<Item = (i64, i64, BusyClass)>) -> Self {
        let base_s = base_us.div_euclid(SECOND_US);
        let mut entries: Vec<u64> = rows
            .into_iter()
            .filter_map(|(start_us, end_us, class)| {
                let start = start_us.div_euclid(SECOND_US).saturating_sub(base_s).max(0);
                let end = end_us
                    .saturating_add(SECOND_US - 1)
                    .div_euclid(SECOND_US)
                    .saturating_sub(base_s);
                (start_us < end_us && start < end && start <= FIELD_MAX)
                    .then(|| pack(start, (end - start).min(FIELD_MAX), class))
            })
            .collect();
        entries.sort_unstable();
        entries.dedup();
        Self::of_entries(base_s, entries)
    }

    /// From [`parts`](Self::parts).
    pub(super) fn of_parts(base_s: i64, parts: impl Iterator<Item = (u64, u64, u8)>) -> Self {
        let entry = |(start, long, class): (u64, u64, u8)| {
            start << (FIELD_BITS + CLASS_BITS) | long << CLASS_BITS | u64::from(class)
        };
        Self::of_entries(base_s, parts.map(entry).collect())
    }

    fn of_entries(base_s: i64, entries: Vec<u64>) -> Self {
        let longest_s = entries.iter().map(|&entry| length_of(entry)).max().unwrap_or(0);
        let has_gaps = entries.iter().any(|&entry| class_of(entry) == BusyClass::Unexpandable);
        Self { base_s, longest_s, has_gaps, entries: entries.into_boxed_slice() }
    }

    pub(super) fn base_s(&self) -> i64 {
        self.base_s
    }

    /// Every interval: seconds from the base, length, class as the number it is stored under.
    pub(super) fn parts(&self) -> impl Iterator<Item = (u64, u64, u8)> + '_ {
        let part = |&entry| {
            let (start, long) = (start_of(entry), length_of(entry));
            (start.cast_unsigned(), long.cast_unsigned(), code_of(entry))
        };
        self.entries.iter().map(part)
    }

    /// How many intervals there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether any of it is not busy time but the lack of knowledge.
    pub fn has_gaps(&self) -> bool {
        self.has_gaps
    }

    /// The intervals that share an instant with `[start, end)` (seconds since 1970), sorted by start, not cut to it;
    /// each with its class as the number it is stored under.
    #[inline]
    pub fn touching(
        &self,
        start_s: i64,
        end_s: i64,
    ) -> impl Iterator<Item = (i64, i64, u8)> + Clone + '_ {
        let base_s = self.base_s;
        let (start_s, end_s) = (start_s.saturating_sub(base_s), end_s.saturating_sub(base_s));
        self.walk(start_s, end_s)
            .map(|entry| (start_of(entry), start_of(entry) + length_of(entry), code_of(entry)))
            .filter(move |&(_, end, _)| end > start_s)
            .map(move |(start, end, class)| (base_s + start, base_s + end, class))
    }

    /// The same, cut to the span and in seconds from its start.
    #[inline]
    pub fn within(&self, start_s: i64, end_s: i64) -> impl Iterator<Item = (u64, u64, u8)> + '_ {
        let (ahead, long) =
            (self.base_s.saturating_sub(start_s), end_s.saturating_sub(start_s).max(0));
        let begin = ahead.saturating_neg();
        self.walk(begin, begin.saturating_add(long)).filter_map(move |entry| {
            let start = start_of(entry) + ahead;
            let end = (start + length_of(entry)).min(long);
            (end > 0).then(|| (start.max(0).cast_unsigned(), end.cast_unsigned(), code_of(entry)))
        })
    }

    /// How many intervals [`touching`](Self::touching) may tell at most.
    pub fn most(&self, start_s: i64, end_s: i64) -> usize {
        let from = start_s.saturating_sub(self.base_s).saturating_sub(self.longest_s);
        self.seek(end_s.saturating_sub(self.base_s)).saturating_sub(self.seek(from))
    }

    /// The entries that may touch a span of seconds from the base: none before begins early enough, none behind late
    /// enough. Looking for the last one costs more than walking up to it.
    #[inline]
    fn walk(&self, start_s: i64, end_s: i64) -> impl Iterator<Item = u64> + Clone + '_ {
        let from = self.seek(start_s.saturating_sub(self.longest_s));
        let near = self.entries.get(from..).unwrap_or_default().iter();
        near.map_while(move |&entry| (start_of(entry) < end_s).then_some(entry))
    }

    /// The place of the first entry that begins at or after an instant. Most questions begin about now, and little is
    /// kept of the past: so it is looked for from the front, in steps that double.
    fn seek(&self, start_s: i64) -> usize {
        let is_before = |entry: &u64| start_of(*entry) < start_s;
        let mut known = 0;
        let mut step = 1;
        while self.entries.get(known + step - 1).is_some_and(is_before) {
            known += step;
            step *= 2;
        }
        let rest = self.entries.get(known..).unwrap_or_default();
        known + rest.get(..step).unwrap_or(rest).partition_point(is_before)
    }
}

fn pack(start_s: i64, length_s: i64, class: BusyClass) -> u64 {
    let class = i64::from(class.code());
    let word = (start_s << (FIELD_BITS + CLASS_BITS)) | (length_s << CLASS_BITS) | class;
    word.cast_unsigned()
}

#[inline]
fn start_of(entry: u64) -> i64 {
    (entry >> (FIELD_BITS + CLASS_BITS)).cast_signed()
}

#[inline]
fn length_of(entry: u64) -> i64 {
    (entry >> CLASS_BITS).cast_signed() & FIELD_MAX
}

#[inline]
fn code_of(entry: u64) -> u8 {
    u8::try_from(entry & ((1 << CLASS_BITS) - 1)).unwrap_or(u8::MAX)
}

fn class_of(entry: u64) -> BusyClass {
    BusyClass::from_code(i16::from(code_of(entry)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_interval_takes_eight_bytes() {
        let packed = Packed::new(
            0,
            (0..1000).map(|n| (n * 10_000_000, n * 10_000_000 + 1, BusyClass::Busy)),
        );
        assert_eq!(size_of_val(&*packed.entries), 8 * 1000);
    }

    #[test]
    fn parts_of_a_second_are_rounded_outwards() {
        let packed = Packed::new(0, [(1_500_000, 2_000_001, BusyClass::Busy)]);
        let all: Vec<_> = packed.touching(0, 10).collect();
        assert_eq!(all, vec![(1, 3, 0)]);
    }

    #[test]
    fn what_begins_before_the_base_is_cut_and_not_lost() {
        let packed = Packed::new(100_000_000, [(0, 200_000_000, BusyClass::Tentative)]);
        let all: Vec<_> = packed.touching(150, 151).collect();
        assert_eq!(all, vec![(100, 200, 1)]);
    }

    proptest! {
        #[test]
        fn a_query_finds_exactly_what_touches_it(
            rows in proptest::collection::vec((0_i64..5_000, 1_i64..900, 0_i16..9), 0..40),
            start in 0_i64..5_000,
            long in 1_i64..1_000,
        ) {
            let rows: Vec<_> = rows.into_iter().map(|(at, long, class)| (at, at + long, class)).collect();
            let mut expected: Vec<_> =
                rows.iter().copied().filter(|r| r.0 < start + long && start < r.1).collect();
            expected.sort_unstable();
            expected.dedup();
            let stored = rows
                .iter()
                .map(|r| (r.0 * SECOND_US, r.1 * SECOND_US, BusyClass::from_code(r.2)));
            let mut found: Vec<_> = Packed::new(0, stored)
                .touching(start, start + long)
                .map(|(start, end, class)| (start, end, i16::from(class)))
                .collect();
            found.sort_unstable();
            let cut: Vec<_> = found
                .iter()
                .map(|&(from, to, class)| (from.max(start) - start, to.min(start + long) - start, class))
                .collect();
            prop_assert_eq!(found, expected);
            let packed = Packed::new(0, rows.iter().map(|r| {
                (r.0 * SECOND_US, r.1 * SECOND_US, BusyClass::from_code(r.2))
            }));
            let mut within: Vec<_> = packed
                .within(start, start + long)
                .map(|(from, to, class)| (from.cast_signed(), to.cast_signed(), i16::from(class)))
                .collect();
            let mut cut = cut;
            cut.sort_unstable();
            within.sort_unstable();
            prop_assert_eq!(within, cut);
        }
    }
}
