//! Components to items: by UID, with the zones each item needs, duplicates settled.

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    sync::Arc,
};

use sha2::{Digest, Sha256};

use super::fingerprint::fingerprint;
use crate::event::{Item, ItemRef, RemoteDate, RemoteEnd, RemoteEvent, RemoteTime, ZoneDefinition};

/// The items of a stream in the order of their first components.
#[derive(Debug, Default)]
pub(super) struct Groups {
    groups: Vec<Group>,
    by_uid: HashMap<String, usize>,
    /// By (which VCALENDAR, TZID): zones hold for the calendar they stand in.
    zones: HashMap<(usize, String), Arc<ZoneDefinition>>,
    named: HashMap<String, Arc<ZoneDefinition>>,
    nameless: HashMap<String, u32>,
}

#[derive(Debug)]
struct Group {
    uid: String,
    calendar: usize,
    events: Vec<RemoteEvent>,
    faults: Vec<String>,
    unplaced: bool,
}

impl Groups {
    pub(super) fn zone(&mut self, calendar: usize, zone: ZoneDefinition) {
        let zone = Arc::new(zone);
        self.named.entry(zone.tzid.clone()).or_insert_with(|| Arc::clone(&zone));
        self.zones.entry((calendar, zone.tzid.clone())).or_insert(zone);
    }

    pub(super) fn event(&mut self, calendar: usize, event: RemoteEvent, faults: Vec<String>) {
        let group = self.group(calendar, &event.uid.clone());
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
        let hash: String = digest.iter().take(16).map(|b| format!("{b:02x}")).collect();
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
            let (events, faults) = (Vec::new(), Vec::new());
            let uid = uid.to_owned();
            self.groups.push(Group { uid, calendar, events, faults, unplaced: false });
        }
        self.groups.get_mut(at).expect("every index in by_uid was pushed to groups")
    }

    pub(super) fn finish(self) -> (Vec<Item>, Vec<Arc<ZoneDefinition>>) {
        let Self { groups, zones, named, .. } = self;
        let items = groups.into_iter().map(|group| item(group, &zones, &named)).collect();
        let mut all: Vec<_> = named.into_values().collect();
        all.sort_by(|a, b| a.tzid.cmp(&b.tzid));
        (items, all)
    }
}

fn item(
    group: Group,
    zones: &HashMap<(usize, String), Arc<ZoneDefinition>>,
    named: &HashMap<String, Arc<ZoneDefinition>>,
) -> Item {
    let events = newest_masters(group.events);
    let tzids: BTreeSet<&str> = events.iter().flat_map(tzids).collect();
    let zones = tzids
        .into_iter()
        .filter_map(|tzid| {
            zones.get(&(group.calendar, tzid.to_owned())).or_else(|| named.get(tzid)).cloned()
        })
        .collect();
    let item = ItemRef::new(group.uid);
    let (series, faults, unplaced) = (item.clone(), group.faults, group.unplaced);
    let mut item = Item { item, series, version: None, events, zones, faults, unplaced };
    item.version = Some(fingerprint(&item));
    item
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
