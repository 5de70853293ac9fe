//! Free/busy as bits: five-minute steps, the first in the most significant bit, any touch sets the bit.

/// How long one bit is.
pub const STEP_US: i64 = 5 * 60 * 1_000_000;

/// A row of bits over a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bitmap {
    origin_us: i64,
    steps: usize,
    bytes: Vec<u8>,
}

impl Bitmap {
    /// An empty bitmap over `[start, end)`, its start floored to the step.
    pub fn new(start_us: i64, end_us: i64) -> Self {
        let origin_us = start_us.div_euclid(STEP_US).saturating_mul(STEP_US);
        let length = end_us.saturating_sub(origin_us).max(0);
        let steps = usize::try_from(length.saturating_add(STEP_US - 1) / STEP_US).unwrap_or(0);
        Self { origin_us, steps, bytes: vec![0; steps.div_ceil(8)] }
    }

    /// Where the first bit begins.
    pub fn origin_us(&self) -> i64 {
        self.origin_us
    }

    /// How many bits count; what is left of the last byte is zero.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Sets every bit that the span touches. An empty span touches nothing.
    pub fn touch(&mut self, start_us: i64, end_us: i64) {
        if start_us >= end_us || end_us <= self.origin_us {
            return;
        }
        let step_of = |at: i64| {
            usize::try_from(at.saturating_sub(self.origin_us).max(0) / STEP_US).unwrap_or(0)
        };
        let first = step_of(start_us);
        let last = step_of(end_us - 1).min(self.steps.saturating_sub(1));
        if first > last || self.steps == 0 {
            return;
        }
        let (head, tail) = (first / 8, last / 8);
        let head_mask = 0xFF_u8 >> (first % 8);
        let tail_mask = 0xFF_u8 << (7 - last % 8);
        let Some(bytes) = self.bytes.get_mut(head..=tail) else { return };
        match bytes {
            [] => {}
            [only] => *only |= head_mask & tail_mask,
            [from, between @ .., to] => {
                *from |= head_mask;
                between.fill(0xFF);
                *to |= tail_mask;
            }
        }
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bit(map: &Bitmap, step: usize) -> bool {
        map.as_bytes()[step / 8] & (0x80 >> (step % 8)) != 0
    }

    #[test]
    fn the_first_step_is_the_most_significant_bit() {
        let mut map = Bitmap::new(0, STEP_US * 10);
        map.touch(0, 1);
        map.touch(STEP_US * 9, STEP_US * 9 + 1);
        assert_eq!(map.as_bytes(), [0b1000_0000, 0b0100_0000]);
    }

    #[test]
    fn the_start_is_floored_to_the_step() {
        let map = Bitmap::new(STEP_US + 1, STEP_US * 3);
        assert_eq!((map.origin_us(), map.steps()), (STEP_US, 2));
        let before_1970 = Bitmap::new(-1, STEP_US);
        assert_eq!((before_1970.origin_us(), before_1970.steps()), (-STEP_US, 2));
    }

    proptest! {
        #[test]
        fn a_bit_is_set_exactly_when_a_span_touches_its_step(
            start in 0_i64..2_000,
            length in 0_i64..4_000,
            spans in proptest::collection::vec((0_i64..6_000, 0_i64..900), 0..8),
        ) {
            let second = 1_000_000;
            let mut map = Bitmap::new(start * second, (start + length) * second);
            for &(at, long) in &spans {
                map.touch(at * second, (at + long) * second);
            }
            for step in 0..map.steps() {
                let from = map.origin_us() + STEP_US * i64::try_from(step).unwrap();
                let until = from + STEP_US;
                let touched = spans.iter().any(|&(at, long)| {
                    long > 0 && at * second < until && (at + long) * second > from
                });
                prop_assert_eq!(bit(&map, step), touched);
            }
            for spare in map.steps()..map.as_bytes().len() * 8 {
                prop_assert!(!bit(&map, spare));
            }
        }
    }
}
