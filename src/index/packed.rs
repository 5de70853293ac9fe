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
        let longest_s = entries.iter().map(|&entry| length_of(entry)).max().unwrap_or(0);
        Self { base_s, longest_s, entries: entries.into_boxed_slice() }
    }

    /// How many intervals there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The intervals that share an instant with `[start, end)`, sorted by start, not cut to it.
    pub fn touching(
        &self,
        start_us: i64,
        end_us: i64,
    ) -> impl Iterator<Item = (i64, i64, BusyClass)> + '_ {
        let start_s = start_us.div_euclid(SECOND_US).saturating_sub(self.base_s);
        let end_s =
            end_us.saturating_add(SECOND_US - 1).div_euclid(SECOND_US).saturating_sub(self.base_s);
        let earliest = start_s.saturating_sub(self.longest_s);
        let from = self.entries.partition_point(|&entry| start_of(entry) < earliest);
        let base_us = self.base_s.saturating_mul(SECOND_US);
        self.entries
            .iter()
            .skip(from)
            .take_while(move |&&entry| start_of(entry) < end_s)
            .filter(move |&&entry| start_of(entry) + length_of(entry) > start_s)
            .map(move |&entry| {
                let start = base_us.saturating_add(start_of(entry) * SECOND_US);
                (start, start.saturating_add(length_of(entry) * SECOND_US), class_of(entry))
            })
            .filter(move |&(start, end, _)| start < end_us && start_us < end)
    }
}

fn pack(start_s: i64, length_s: i64, class: BusyClass) -> u64 {
    let class = i64::from(class.code());
    let word = (start_s << (FIELD_BITS + CLASS_BITS)) | (length_s << CLASS_BITS) | class;
    word.cast_unsigned()
}

fn start_of(entry: u64) -> i64 {
    (entry >> (FIELD_BITS + CLASS_BITS)).cast_signed()
}

fn length_of(entry: u64) -> i64 {
    (entry >> CLASS_BITS).cast_signed() & FIELD_MAX
}

fn class_of(entry: u64) -> BusyClass {
    i16::try_from(entry & ((1 << CLASS_BITS) - 1))
        .map_or(BusyClass::Unexpandable, BusyClass::from_code)
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
        let all: Vec<_> = packed.touching(0, 10_000_000).collect();
        assert_eq!(all, vec![(1_000_000, 3_000_000, BusyClass::Busy)]);
    }

    #[test]
    fn what_begins_before_the_base_is_cut_and_not_lost() {
        let packed = Packed::new(100_000_000, [(0, 200_000_000, BusyClass::Tentative)]);
        let all: Vec<_> = packed.touching(150_000_000, 151_000_000).collect();
        assert_eq!(all, vec![(100_000_000, 200_000_000, BusyClass::Tentative)]);
    }

    proptest! {
        #[test]
        fn a_query_finds_exactly_what_touches_it(
            rows in proptest::collection::vec((0_i64..5_000, 1_i64..900, 0_i16..9), 0..40),
            start in 0_i64..5_000,
            long in 1_i64..1_000,
        ) {
            let rows: Vec<_> = rows
                .into_iter()
                .map(|(at, long, class)| (at * SECOND_US, (at + long) * SECOND_US, BusyClass::from_code(class)))
                .collect();
            let (from, until) = (start * SECOND_US, (start + long) * SECOND_US);
            let mut expected: Vec<_> = rows.iter().copied().filter(|r| r.0 < until && from < r.1).collect();
            expected.sort_unstable();
            expected.dedup();
            let mut found: Vec<_> = Packed::new(0, rows).touching(from, until).collect();
            found.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }
}
