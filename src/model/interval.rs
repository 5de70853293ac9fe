//! Half-open spans of instants, and the little algebra that free/busy needs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A half-open span `[start, end)`. `start <= end` always holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    start: Timestamp,
    end: Timestamp,
}

impl Span {
    /// Makes a span, or `None` when it would end before it starts.
    pub fn new(start: Timestamp, end: Timestamp) -> Option<Self> {
        (start <= end).then_some(Self { start, end })
    }

    /// Makes a span that ends where it starts when `end` lies before.
    pub fn clamped(start: Timestamp, end: Timestamp) -> Self {
        Self { start, end: end.max(start) }
    }

    pub fn start(self) -> Timestamp {
        self.start
    }

    pub fn end(self) -> Timestamp {
        self.end
    }

    /// Microseconds since 1970, as stored.
    pub fn start_us(self) -> i64 {
        self.start.as_microsecond()
    }

    /// Microseconds since 1970, as stored.
    pub fn end_us(self) -> i64 {
        self.end.as_microsecond()
    }

    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Whether the two share an instant. An empty span overlaps what contains its instant.
    pub fn overlaps(self, other: Self) -> bool {
        if self.is_empty() {
            other.start <= self.start && self.start < other.end
        } else if other.is_empty() {
            self.start <= other.start && other.start < self.end
        } else {
            self.start < other.end && other.start < self.end
        }
    }

    /// What both have in common, or `None` when that is nothing.
    pub fn intersection(self, other: Self) -> Option<Self> {
        Self::new(self.start.max(other.start), self.end.min(other.end)).filter(|s| !s.is_empty())
    }
}

/// Sorts spans and joins those that touch or overlap; empty ones vanish.
pub fn union(mut spans: Vec<Span>) -> Vec<Span> {
    spans.retain(|s| !s.is_empty());
    spans.sort_unstable();
    spans.dedup_by(|next, kept| {
        let joins = next.start <= kept.end;
        if joins {
            kept.end = kept.end.max(next.end);
        }
        joins
    });
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: i64, end: i64) -> Span {
        Span::new(Timestamp::from_second(start).unwrap(), Timestamp::from_second(end).unwrap())
            .unwrap()
    }

    #[test]
    fn a_union_is_sorted_disjoint_and_without_seams() {
        let joined = union(vec![span(5, 9), span(1, 3), span(3, 5), span(20, 20), span(12, 14)]);
        assert_eq!(joined, vec![span(1, 9), span(12, 14)]);
    }

    #[test]
    fn half_open_spans_that_only_touch_do_not_overlap() {
        assert!(!span(1, 3).overlaps(span(3, 5)));
        assert!(span(3, 3).overlaps(span(3, 5)));
        assert!(!span(5, 5).overlaps(span(3, 5)));
    }
}
