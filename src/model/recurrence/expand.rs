//! A series as a whole: masters, overrides, and what of them lies in a window.

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};

use super::{
    Trouble,
    budget::Budget,
    clock::Start,
    component::{Component, newest},
    found::Found,
    set::{Gaps, Set},
};
use crate::model::{
    busy::{BusyClass, BusyInterval},
    event::{Event, Length, Moment, Replaces, Series},
    interval::Span,
    time::{DAY_S, at_second},
};

/// A series inside a window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expansion {
    /// Whole intervals (not clipped) that overlap the window, sorted; they may overlap one another. Only those
    /// that say what is not known are clipped to the window.
    pub intervals: Vec<BusyInterval>,
    /// Why some of them are [`BusyClass::Unexpandable`], when a rule is the reason.
    pub unexpandable: Option<Trouble>,
}

/// Expands a series inside a window. Floating and all-day times are `owner`'s.
///
/// What is not understood or lies beyond the budget is [`BusyClass::Unexpandable`] over the span concerned.
pub fn expand(series: &Series, window: Span, owner: &TimeZone, budget: &mut Budget) -> Expansion {
    expand_events(&series.events, window, owner, budget)
}

/// As [`expand`], of events that stand in several places.
pub fn expand_events<'a>(
    events: impl IntoIterator<Item = &'a Event>,
    window: Span,
    owner: &TimeZone,
    budget: &mut Budget,
) -> Expansion {
    let mut found = Found::new(window);
    let mut parts: BTreeMap<u32, Vec<&Event>> = BTreeMap::new();
    for event in events {
        parts.entry(event.part).or_default().push(event);
    }
    for events in parts.into_values() {
        expand_part(events.into_iter(), owner, budget, &mut found);
    }
    found.into_expansion()
}

fn expand_part<'a>(
    events: impl Iterator<Item = &'a Event> + Clone,
    owner: &'a TimeZone,
    budget: &mut Budget,
    found: &mut Found,
) {
    let overrides = overrides(events.clone(), owner);
    for master in newest(events.filter(|event| event.replaces.is_none())) {
        expand_master(master, &overrides, owner, budget, found);
    }
    for (_, event) in overrides {
        if let Some(class) = event.class {
            let mut component = Component::new(event, owner);
            let (start, extent) = (component.start, component.extent);
            found.instance(&mut component, start, extent, class);
        }
    }
}

/// The starts of one rule inside a window, DTSTART included, sorted.
///
/// # Errors
///
/// When the rule cannot be read or is beyond the budget.
pub fn starts(
    dtstart: &Moment,
    rule: &str,
    window: Span,
    owner: &TimeZone,
    budget: &mut Budget,
) -> Result<Vec<Timestamp>, Trouble> {
    let event = Event {
        start: dtstart.clone(),
        length: Length::Nominal { days: 0, seconds: 0 },
        class: None,
        replaces: None,
        rules: vec![rule.to_owned()],
        exrules: Vec::new(),
        rdates: Vec::new(),
        exdates: Vec::new(),
        part: 0,
        sequence: 0,
        stamped: None,
    };
    let mut set = Set::new(Component::new(&event, owner), std::iter::empty());
    let (from, to) = (window.start().as_second(), window.end().as_second());
    let (originals, gaps) = set.search(from, to, budget);
    match gaps.missing {
        Some((_, why)) => Err(why),
        None => {
            let instants = originals.starts.into_iter().map(|start| at_second(start.instant));
            let mut starts: Vec<_> =
                instants.filter(|at| window.start() <= *at && *at < window.end()).collect();
            starts.dedup();
            Ok(starts)
        }
    }
}

/// The overrides of a series, the newest for each original start, sorted by it.
fn overrides<'a>(
    events: impl Iterator<Item = &'a Event>,
    owner: &'a TimeZone,
) -> Vec<(&'a Replaces, &'a Event)> {
    let mut all: Vec<(i64, &Replaces, &Event)> = events
        .filter_map(|event| {
            let replaces = event.replaces.as_ref()?;
            let start = super::clock::Clock::of(&replaces.at, owner).start(&replaces.at);
            Some((start.instant, replaces, event))
        })
        .collect();
    // The newest last, so that it is the one that stays.
    all.sort_by_key(|(at, _, event)| (*at, event.sequence, event.stamped));
    all.reverse();
    all.dedup_by_key(|(at, ..)| *at);
    all.into_iter().rev().map(|(_, replaces, event)| (replaces, event)).collect()
}

/// An override that holds for its instance and all later ones.
#[derive(Debug)]
struct Range<'a> {
    replaced: Start,
    by: Component<'a>,
    is_cancelled: bool,
}

impl Range<'_> {
    /// Where an original start goes: moved on the wall clock by as much as the override moved its own.
    fn place(&mut self, original: Start, master: &Component<'_>) -> Start {
        let day = |wall: i64| wall - wall.rem_euclid(DAY_S);
        let (from, to) = if self.by.clock.is_all_day {
            (day(self.replaced.wall), day(original.wall))
        } else if self.by.clock.reads_like(&master.clock) {
            (self.replaced.wall, original.wall)
        } else {
            (
                self.by.clock.seen(self.replaced.instant).wall,
                self.by.clock.seen(original.instant).wall,
            )
        };
        self.by.clock.at(to.saturating_add(self.by.start.wall).saturating_sub(from))
    }
}

/// Instances of a master, one stretch after another: as the master has them up to the first override with
/// RANGE=THISANDFUTURE, then as each of those has them up to the next.
fn expand_master(
    master: &Event,
    overrides: &[(&Replaces, &Event)],
    owner: &TimeZone,
    budget: &mut Budget,
    found: &mut Found,
) {
    let replaced = overrides.iter().map(|(replaces, _)| &replaces.at);
    let mut set = Set::new(Component::new(master, owner), replaced);
    let mut ranges: Vec<Range<'_>> = overrides
        .iter()
        .filter(|(replaces, _)| replaces.this_and_future)
        .map(|(replaces, event)| Range {
            replaced: set.read(&replaces.at),
            by: Component::new(event, owner),
            is_cancelled: replaces.cancelled,
        })
        .collect();
    ranges.sort_by_key(|range| range.replaced.instant);
    let bounds: Vec<i64> =
        ranges.iter().map(|range| range.replaced.instant).chain([i64::MAX]).collect();
    let mut from = i64::MIN;
    for (range, to) in std::iter::once(None).chain(ranges.iter_mut().map(Some)).zip(bounds) {
        expand_stretch(&mut set, range, (from, to), budget, found);
        from = to;
    }
}

/// Instances whose original starts lie in `[from, to)`.
fn expand_stretch(
    set: &mut Set<'_>,
    mut range: Option<&mut Range<'_>>,
    (from, to): (i64, i64),
    budget: &mut Budget,
    found: &mut Found,
) {
    let class = match &range {
        Some(range) => range.by.event.class.filter(|_| !range.is_cancelled),
        None => set.master.event.class,
    };
    let Some(class) = class else { return };
    let reach = Reach::of(set, range.as_deref());
    let (least, most) = found.bounds();
    let search_from = from.max(least.saturating_sub(reach.latest_end));
    let search_to = to.saturating_sub(1).min(most.saturating_sub(reach.earliest_start));
    if search_from > search_to {
        return;
    }
    let (originals, Gaps { missing, doubtful }) = set.search(search_from, search_to, budget);
    let class = if doubtful.is_some() { BusyClass::Unexpandable } else { class };
    if let Some(why) = doubtful.filter(|_| !originals.starts.is_empty()) {
        found.doubt(why);
    }
    found.expect(originals.starts.len());
    for &start in &originals.starts {
        let extent = originals.length(start);
        match range.as_deref_mut() {
            None => {
                let extent = extent.unwrap_or(set.master.extent);
                found.instance(&mut set.master, start, extent, class);
            }
            Some(range) => {
                let start = range.place(start, &set.master);
                let extent = extent.unwrap_or(range.by.extent);
                found.instance(&mut range.by, start, extent, class);
            }
        }
    }
    if let Some((at, why)) = missing {
        let lost_from = at.max(from).saturating_add(reach.earliest_start);
        found.unknown(lost_from, to.saturating_add(reach.latest_end), why);
    }
}

/// How far instances may lie from their original starts.
#[derive(Clone, Copy, Debug)]
struct Reach {
    earliest_start: i64,
    latest_end: i64,
}

impl Reach {
    fn of(set: &Set<'_>, range: Option<&Range<'_>>) -> Self {
        let (moved, longest, is_certain) = match range {
            None => (0, set.longest, set.master.clock.is_certain),
            Some(Range { replaced, by, .. }) => {
                let moved = by.start.instant.saturating_sub(replaced.instant);
                (moved, by.extent.longest().max(set.longest), false)
            }
        };
        // Two days are more than any difference between two clocks.
        let slack = if is_certain { 0 } else { 2 * DAY_S };
        Self {
            earliest_start: moved.saturating_sub(slack),
            latest_end: moved.saturating_add(longest).saturating_add(slack),
        }
    }
}
