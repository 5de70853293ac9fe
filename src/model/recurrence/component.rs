//! One component of a series, read by its clock.

use jiff::tz::TimeZone;

use super::clock::{Clock, Extent, Start};
use crate::model::event::Event;

#[derive(Debug)]
pub(super) struct Component<'a> {
    pub event: &'a Event,
    pub clock: Clock<'a>,
    pub start: Start,
    pub extent: Extent,
}

impl<'a> Component<'a> {
    pub(super) fn new(event: &'a Event, owner: &'a TimeZone) -> Self {
        let mut clock = Clock::of(&event.start, owner);
        let start = clock.start(&event.start);
        let extent = clock.extent(start, &event.length);
        Self { event, clock, start, extent }
    }
}

/// Keeps of several versions of one component those of the highest SEQUENCE, and of these the latest DTSTAMP.
/// More than one is left when nothing tells them apart.
pub(super) fn newest<'a>(
    versions: impl Iterator<Item = &'a Event> + Clone,
) -> impl Iterator<Item = &'a Event> {
    let newest = versions.clone().map(rank).max();
    versions.filter(move |event| Some(rank(event)) == newest)
}

fn rank(event: &Event) -> (i64, Option<jiff::Timestamp>) {
    (event.sequence, event.stamped)
}
