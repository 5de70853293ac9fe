//! Free/busy as base64 bits, written as text at once: a letter holds six steps, so a busy span is a run of letters.

const STEP_S: u32 = 300;
/// Steps a letter.
const SIX: usize = 6;

/// The scale that all rows of an answer share: bits from the first step on, in whole bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    origin_s: i64,
    steps: usize,
}

impl Scale {
    pub(super) fn new(origin_us: i64, steps: usize) -> Self {
        Self { origin_s: origin_us.div_euclid(1_000_000), steps }
    }

    /// Appends a row in quotes; `fill` tells the spans (whole seconds) whose steps are set.
    pub(super) fn write(self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Row<'_>)) {
        let bytes = self.steps.div_ceil(8);
        let letters = (bytes * 8).div_ceil(SIX);
        out.push(b'"');
        let begins = out.len();
        out.resize(begins + letters, 0);
        if let Some(sextets) = out.get_mut(begins..) {
            fill(&mut Row { scale: self, sextets });
            sextets.iter_mut().for_each(|sextet| *sextet = letter(*sextet));
        }
        out.extend(std::iter::repeat_n(b'=', (3 - bytes % 3) % 3));
        out.push(b'"');
    }
}

/// One row, six steps in the low bits of each byte.
#[derive(Debug)]
pub(super) struct Row<'a> {
    scale: Scale,
    sextets: &'a mut [u8],
}

impl Row<'_> {
    /// Sets every step that `[start, end)` touches.
    pub(super) fn touch(&mut self, start_s: i64, end_s: i64) {
        let Scale { origin_s, steps } = self.scale;
        // Windows are much shorter than 2^32 seconds, and dividing 32 bits is cheaper than 64.
        let offset =
            |at: i64| u32::try_from(at.saturating_sub(origin_s).max(0)).unwrap_or(u32::MAX);
        if start_s >= end_s || end_s <= origin_s || steps == 0 {
            return;
        }
        let step_of = |at: i64| (offset(at) / STEP_S) as usize;
        let (first, last) = (step_of(start_s), step_of(end_s - 1).min(steps - 1));
        if first > last {
            return;
        }
        let (head, tail) = (0x3F_u8 >> (first % SIX), 0x3F_u8 & (0x3F << (SIX - 1 - last % SIX)));
        match self.sextets.get_mut(first / SIX..=last / SIX) {
            Some([only]) => *only |= head & tail,
            Some([from, between @ .., to]) => {
                *from |= head;
                between.fill(0x3F);
                *to |= tail;
            }
            _ => {}
        }
    }
}

/// The letter of six bits, without a branch, so that a row is turned many letters at a time.
fn letter(sextet: u8) -> u8 {
    let above = |limit: u8| u8::from(sextet > limit);
    (b'A' + sextet)
        .wrapping_add(6 * above(25))
        .wrapping_sub(75 * above(51))
        .wrapping_sub(15 * above(61))
        .wrapping_add(3 * above(62))
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use proptest::prelude::*;

    use super::*;
    use crate::model::bitmap::{Bitmap, STEP_US};

    #[test]
    fn a_step_is_as_long_as_the_bitmaps() {
        assert_eq!(i64::from(STEP_S) * 1_000_000, STEP_US);
    }

    proptest! {
        #[test]
        fn a_row_is_the_base64_of_the_bitmap(
            start in -5_000_i64..2_000,
            length in 0_i64..40_000,
            spans in proptest::collection::vec((-6_000_i64..50_000, 0_i64..9_000), 0..12),
        ) {
            let us = 1_000_000;
            let mut map = Bitmap::new(start * us, (start + length) * us);
            let scale = Scale::new(map.origin_us(), map.steps());
            let mut out = Vec::new();
            scale.write(&mut out, |row| {
                for &(at, long) in &spans {
                    map.touch(at * us, (at + long) * us);
                    row.touch(at, at + long);
                }
            });
            let expected = format!("\"{}\"", STANDARD.encode(map.as_bytes()));
            prop_assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
