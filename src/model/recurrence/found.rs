//! What has been found inside a window.

use jiff::Timestamp;

use super::{
    Expansion, Trouble,
    clock::{Extent, Start},
    component::Component,
};
use crate::model::{
    busy::{BusyClass, BusyInterval},
    interval::Span,
    time::at_second,
};

/// The furthest that a clock anywhere is ahead of UTC, and behind it.
const AHEAD_S: i64 = 14 * 3600;
const BEHIND_S: i64 = 12 * 3600;

/// Intervals and troubles, collected.
#[derive(Debug)]
pub(super) struct Found {
    window: Span,
    intervals: Vec<BusyInterval>,
    trouble: Option<Trouble>,
}

impl Found {
    pub(super) fn new(window: Span) -> Self {
        Self { window, intervals: Vec::new(), trouble: None }
    }

    /// The window in seconds, rounded outwards.
    pub(super) fn bounds(&self) -> (i64, i64) {
        (self.window.start().as_second() - 1, self.window.end().as_second() + 1)
    }

    /// Makes room for so many instances.
    pub(super) fn expect(&mut self, instances: usize) {
        self.intervals.reserve(instances);
    }

    /// Adds an instance. Where its zone is not known, it is busy in the owner's zone and unknown wherever
    /// else on earth it may be.
    pub(super) fn instance(
        &mut self,
        by: &mut Component<'_>,
        start: Start,
        extent: Extent,
        class: BusyClass,
    ) {
        let end = by.clock.end(start, extent);
        self.add(start.instant, end, class);
        if !by.clock.is_certain && end > start.instant {
            let end = start.wall.saturating_add(end - start.instant);
            self.add(start.wall - AHEAD_S, end.saturating_add(BEHIND_S), BusyClass::Unexpandable);
        }
    }

    /// Says that nothing is known from `from` to `to`.
    pub(super) fn unknown(&mut self, from: i64, to: i64, why: Trouble) {
        let (least, most) = self.bounds();
        if let Some(span) =
            span(from.max(least), to.min(most)).and_then(|s| s.intersection(self.window))
        {
            self.intervals.push(BusyInterval { span, class: BusyClass::Unexpandable });
            self.doubt(why);
        }
    }

    /// Records why something is unknown; the first reason stays.
    pub(super) fn doubt(&mut self, why: Trouble) {
        self.trouble.get_or_insert(why);
    }

    pub(super) fn into_expansion(mut self) -> Expansion {
        // As most series give them.
        if !self.intervals.is_sorted_by(|one, next| one < next) {
            self.intervals.sort_unstable();
            self.intervals.dedup();
        }
        Expansion { intervals: self.intervals, unexpandable: self.trouble }
    }

    fn add(&mut self, start: i64, end: i64, class: BusyClass) {
        let overlapping = span(start, end).filter(|s| !s.is_empty() && s.overlaps(self.window));
        self.intervals.extend(overlapping.map(|span| BusyInterval { span, class }));
    }
}

fn span(start: i64, end: i64) -> Option<Span> {
    let (start, end): (Timestamp, Timestamp) = (at_second(start), at_second(end));
    Span::new(start, end)
}
