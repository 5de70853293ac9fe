//! Components to items: by UID, with the zones each item needs, duplicates settled.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use sha2::{Digest, Sha256};

use super::fingerprint::{Written, hex};
use crate::event::{Item, ItemRef, RemoteDate, RemoteEnd, RemoteEvent, RemoteTime, ZoneDefinition};

/// The definitions of each TZID, by which VCALENDAR they stand in: zones hold for their own calendar.
type Zones = HashMap<String, Vec<(usize, Arc<ZoneDefinition>)>>;

/// The items of a stream in the order of their first components.
#[derive(Debug, Default)]
pub(super) struct Groups {
    groups: Vec<Group>,
    by_uid: HashMap<String, usize>,
    zones: Zones,
    nameless: HashMap<String, u32>,
}

#[derive(Debug)]
struct Group {
    calendar: usize,
    events: Vec<RemoteEvent>,
    faults: Vec<String>,
    unplaced: bool,
}

impl Groups {
    /// With room for the events of a text of so many bytes, as events are on average.
    pub(super) fn for_text(bytes: usize) -> Self {
        let events = bytes / 1024 + 1;
        let (groups, by_uid) = (Vec::with_capacity(events), HashMap::with_capacity(events));
        Self { groups, by_uid, ..Self::default() }
    }

    pub(super) fn zone(&mut self, calendar: usize, zone: ZoneDefinition) {
        let known = self.zones.entry(zone.tzid.clone()).or_default();
        // Calendars come one after another: what this one has is the last.
        if known.last().is_none_or(|(of, _)| *of != calendar) {
            known.push((calendar, Arc::new(zone)));
        }
    }

    pub(super) fn event(&mut self, calendar: usize, event: RemoteEvent, faults: Vec<String>) {
        let group = self.group(calendar, &event.uid);
        group.events.push(event);
        for fault in faults {
            if !group.faults.contains(&fault) {
                group.faults.push(fault);
            }
        }
    }

    /// Keeps the item of a component that cannot be read, so that it is listed and not taken for deleted.
    pub(super) fn unreadable(&mut self, calendar: usize, uid: &str, fault: String) {
        let group = self.group(calendar, uid);
        group.unplaced = true;
        if !group.faults.contains(&fault) {
            group.faults.push(fault);
        }
    }

    /// Notes that some of an event's time could not be read.
    pub(super) fn lose_time(&mut self, calendar: usize, uid: &str) {
        self.group(calendar, uid).unplaced = true;
    }

    /// A UID for a component without one: the same content gets the same UID at the next reading.
    pub(super) fn name_for(&mut self, start: &RemoteTime, summary: &str) -> String {
        let digest = Sha256::digest(format!("{start:?}\n{summary}"));
        let hash = hex(&digest);
        let seen = self.nameless.entry(hash.clone()).or_insert(0);
        *seen += 1;
        format!("nameless-{hash}-{seen}")
    }

    fn group(&mut self, calendar: usize, uid: &str) -> &mut Group {
        let next = self.groups.len();
        let at = match self.by_uid.entry(uid.to_owned()) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => *new.insert(next),
        };
        if at == next {
            let (events, faults) = (Vec::with_capacity(1), Vec::new());
            self.groups.push(Group { calendar, events, faults, unplaced: false });
        }
        self.groups.get_mut(at).expect("every index in by_uid was pushed to groups")
    }

    pub(super) fn finish(self) -> (Vec<Item>, Vec<Arc<ZoneDefinition>>) {
        let Self { groups, by_uid, zones, .. } = self;
        let mut uids = vec![String::new(); groups.len()];
        for (uid, at) in by_uid {
            if let Some(place) = uids.get_mut(at) {
                *place = uid;
            }
        }
        let mut written = Written::default();
        let items = uids.into_iter().zip(groups);
        let items = items.map(|(uid, group)| item(uid, group, &zones, &mut written));
        let items = items.collect();
        let mut all: Vec<_> = zones
            .into_values()
            .filter_map(|known| known.into_iter().next())
            .map(|(_, it)| it)
            .collect();
        all.sort_by(|a, b| a.tzid.cmp(&b.tzid));
        (items, all)
    }
}

fn item(uid: String, group: Group, zones: &Zones, written: &mut Written) -> Item {
    let events = newest_masters(group.events);
    let zones = zones_of(&events, group.calendar, zones);
    let item = ItemRef::new(uid);
    let (series, faults, unplaced) = (item.clone(), group.faults, group.unplaced);
    let mut item = Item { item, series, version: None, events, zones, faults, unplaced };
    item.version = Some(written.fingerprint(&item));
    item
}

/// The definitions that events name, by TZID: those of their own calendar or, failing that, the first there is.
fn zones_of(events: &[RemoteEvent], calendar: usize, zones: &Zones) -> Vec<Arc<ZoneDefinition>> {
    if zones.is_empty() {
        return Vec::new();
    }
    let mut named: Vec<&str> = events.iter().flat_map(tzids).collect();
    named.sort_unstable();
    named.dedup();
    let of = |tzid: &str| {
        let known = zones.get(tzid)?;
        let own = known.binary_search_by_key(&calendar, |(of, _)| *of);
        known.get(own.unwrap_or(0)).map(|(_, zone)| Arc::clone(zone))
    };
    named.into_iter().filter_map(of).collect()
}

/// Of masters with one UID and one start, the newest stays. Masters with other starts are other events
/// whose producer reuses UIDs: dropping one could free time that is taken.
fn newest_masters(events: Vec<RemoteEvent>) -> Vec<RemoteEvent> {
    if events.iter().filter(|event| event.recurrence_id.is_none()).count() < 2 {
        return events;
    }
    let mut kept: Vec<RemoteEvent> = Vec::with_capacity(events.len());
    let mut masters: HashMap<RemoteTime, usize> = HashMap::new();
    for event in events {
        if event.recurrence_id.is_some() {
            kept.push(event);
            continue;
        }
        match masters.entry(event.start.clone()) {
            Entry::Vacant(new) => {
                new.insert(kept.len());
                kept.push(event);
            }
            Entry::Occupied(known) => {
                if let Some(old) = kept.get_mut(*known.get())
                    && (old.sequence, old.stamped) <= (event.sequence, event.stamped)
                {
                    *old = event;
                }
            }
        }
    }
    kept
}

/// Every TZID that an event names.
fn tzids(event: &RemoteEvent) -> impl Iterator<Item = &str> {
    let end = match &event.end {
        RemoteEnd::At(end) => Some(end),
        _ => None,
    };
    let rdates = event.rdates.iter().flat_map(|date| match date {
        RemoteDate::At(at) => [Some(at), None],
        RemoteDate::Period { start, end: RemoteEnd::At(end) } => [Some(start), Some(end)],
        RemoteDate::Period { start, .. } => [Some(start), None],
    });
    std::iter::once(&event.start)
        .chain(end)
        .chain(event.recurrence_id.as_ref().map(|id| &id.at))
        .chain(rdates.flatten())
        .chain(&event.exdates)
        .filter_map(|time| match time {
            RemoteTime::Zoned { tzid, .. } => Some(tzid.as_str()),
            _ => None,
        })
}
