//! Free/busy as base64 bits.

use base64::{Engine as _, engine::general_purpose::STANDARD};

const STEP_S: u64 = 300;

/// A row of bits on the scale that all rows of an answer share: the first step in the most significant bit, in whole
/// bytes.
#[derive(Debug)]
pub(super) struct Row {
    /// From the beginning of the first step to the start of the window, in seconds.
    lead_s: u64,
    steps: usize,
    /// Sixty-four steps each: hardly a busy span reaches beyond its word.
    words: Vec<u64>,
}

impl Row {
    /// An empty row of `steps` whose first one begins `lead_s` before the window.
    pub(super) fn new(lead_s: u64, steps: usize) -> Self {
        Self { lead_s, steps, words: vec![0; steps.div_ceil(64)] }
    }

    /// Sets every step that `[start, end)` touches, in seconds from the window's start and within it.
    #[inline]
    pub(super) fn touch(&mut self, start_s: u64, end_s: u64) {
        let step = |at: u64| usize::try_from((at + self.lead_s) / STEP_S).unwrap_or(usize::MAX);
        let (first, last) = (step(start_s), step(end_s.saturating_sub(1)));
        if first / 64 < last / 64 {
            self.touch_words(first, last);
        } else if let Some(word) = self.words.get_mut(first / 64) {
            *word |= head(first) & tail(last);
        }
    }

    #[inline(never)]
    fn touch_words(&mut self, first: usize, last: usize) {
        let last = last.min(self.steps.saturating_sub(1));
        match self.words.get_mut(first / 64..=last / 64) {
            Some([only]) => *only |= head(first) & tail(last),
            Some([from, between @ .., to]) => {
                *from |= head(first);
                between.fill(u64::MAX);
                *to |= tail(last);
            }
            _ => {}
        }
    }

    /// Appends the row in quotes, and empties it.
    pub(super) fn write(&mut self, out: &mut Vec<u8>) {
        let begins = out.len() + 1;
        let bytes = self.steps.div_ceil(8);
        let letters = bytes.div_ceil(3) * 4;
        out.push(b'"');
        out.resize(begins + letters, b'A');
        if self.words.iter().all(|&word| word == 0) {
            let spare = (3 - bytes % 3) % 3;
            let padding = out.len() - spare;
            out.truncate(padding);
            out.extend(std::iter::repeat_n(b'=', spare));
        } else if let Some(text) = out.get_mut(begins..) {
            let mut row: Vec<u8> = self.words.iter().flat_map(|word| word.to_be_bytes()).collect();
            row.truncate(bytes);
            STANDARD.encode_slice(row, text).expect("there is room for every letter");
            self.words.fill(0);
        }
        out.push(b'"');
    }
}

/// The steps of a word from this one on.
fn head(first: usize) -> u64 {
    u64::MAX >> (first % 64)
}

/// The steps of a word up to this one.
fn tail(last: usize) -> u64 {
    u64::MAX << (63 - last % 64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::bitmap::{Bitmap, STEP_US};

    #[test]
    fn a_step_is_as_long_as_the_bitmaps() {
        assert_eq!(i64::try_from(STEP_S).unwrap() * 1_000_000, STEP_US);
    }

    proptest! {
        #[test]
        fn a_row_is_the_base64_of_the_bitmap(
            start in -5_000_i64..2_000,
            length in 1_u32..40_000,
            spans in proptest::collection::vec((0_u32..40_000, 1_u32..9_000), 0..12),
        ) {
            let us = |offset: u32| (start + i64::from(offset)) * 1_000_000;
            let mut map = Bitmap::new(us(0), us(length));
            let lead = u64::try_from(us(0) - map.origin_us()).unwrap() / 1_000_000;
            let mut row = Row::new(lead, map.steps());
            for &(at, long) in spans.iter().filter(|span| span.0 < length) {
                let end = (at + long).min(length);
                map.touch(us(at), us(end));
                row.touch(u64::from(at), u64::from(end));
            }
            let mut out = Vec::new();
            row.write(&mut out);
            let expected = format!("\"{}\"", STANDARD.encode(map.as_bytes()));
            prop_assert_eq!(String::from_utf8(std::mem::take(&mut out)).unwrap(), expected);
            row.write(&mut out);
            let empty = format!("\"{}\"", STANDARD.encode(vec![0; map.as_bytes().len()]));
            prop_assert_eq!(String::from_utf8(out).unwrap(), empty);
        }
    }
}
