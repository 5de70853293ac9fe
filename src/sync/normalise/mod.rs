//! A provider's words to the hub's: what kind of busy an event is, how long it lasts, which zone it means.
//!
//! Pure, and decided once (`providers.md` 5.1, 5.2, 5.5, 6). What a class blocks is not decided here: the
//! link's policy does that when an answer is merged.

mod class;
mod extent;
mod rule;
#[cfg(test)]
mod tests;
mod zones;

use std::collections::HashMap;

use connectors::{
    Item, RemoteEvent,
    event::{RecurrenceId, RemoteDate, RemoteEnd, RemoteTime, Status},
};

use crate::model::{
    event::{Event, Extra, Moment, Replaces, Series},
    time::Zone,
};

/// What of an event is asked when its kind of busy is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Judge {
    /// Everything that is known: answers, vendor properties, event types.
    #[default]
    Facts,
    /// STATUS and TRANSP alone, as RFC 4791 7.10 reads them.
    Plain,
}

/// How the events of one calendar are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Judging<'a> {
    pub by: Judge,
    /// The whole calendar does not count as busy (`C:schedule-calendar-transp`).
    pub calendar_is_transparent: bool,
    /// A zone name for floating times, where the file states one and the caller has no better.
    pub floating_zone: Option<&'a str>,
}

/// An item in the hub's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Normalised {
    pub series: Series,
    /// What of the item could not be understood, one sentence each, without personal content.
    pub faults: Vec<String>,
}

/// Turns everything that a provider keeps under one version into one series. Never fails: what is not
/// understood is listed in [`Normalised::faults`].
pub fn normalise(item: &Item, judging: Judging<'_>) -> Normalised {
    let mut words = Words::of(item, judging);
    let mut parts: HashMap<&str, u32> = HashMap::new();
    let mut events: Vec<Event> = Vec::with_capacity(item.events.len());
    for event in &item.events {
        let next = u32::try_from(parts.len()).unwrap_or(u32::MAX);
        let part = *parts.entry(&event.uid).or_insert(next);
        events.push(Event { part, ..words.event(event) });
    }
    if item.unplaced {
        events.push(Event::unplaced());
    }
    let mut faults = item.faults.clone();
    if words.has_unknown_zone() {
        faults.push("a time zone is unknown and was taken as the owner's".to_owned());
    }
    Normalised { series: Series { events }, faults }
}

/// Translates the parts of one item, resolving each zone name once.
#[derive(Debug)]
struct Words<'a> {
    judging: Judging<'a>,
    item: &'a Item,
    zones: HashMap<&'a str, Zone>,
    /// What the zones of the moments so far weigh where they are kept.
    weight: usize,
    floating: Option<Zone>,
}

impl<'a> Words<'a> {
    fn of(item: &'a Item, judging: Judging<'a>) -> Self {
        let floating = judging
            .floating_zone
            .map(|name| zones::resolve(name, &item.zones))
            .filter(|zone| !matches!(zone, Zone::Unknown(_)));
        Self { judging, item, zones: HashMap::new(), weight: 0, floating }
    }

    fn has_unknown_zone(&self) -> bool {
        self.zones.values().any(|zone| matches!(zone, Zone::Unknown(_)))
    }

    fn event(&mut self, event: &'a RemoteEvent) -> Event {
        let start = self.moment(&event.start);
        Event {
            length: self.length(&start, &event.end),
            class: class::of(event, &self.judging),
            replaces: event.recurrence_id.as_ref().map(|id| self.replaces(event, id)),
            rules: event.rules.iter().map(|rule| rule::kept(rule)).collect(),
            exrules: event.exrules.iter().map(|rule| rule::kept(rule)).collect(),
            rdates: event.rdates.iter().map(|date| self.extra(date)).collect(),
            exdates: event.exdates.iter().map(|date| self.moment(date)).collect(),
            part: 0,
            sequence: event.sequence,
            stamped: event.stamped,
            start,
        }
    }

    fn replaces(&mut self, event: &RemoteEvent, id: &'a RecurrenceId) -> Replaces {
        Replaces {
            at: self.moment(&id.at),
            this_and_future: id.this_and_future,
            cancelled: event.status == Status::Cancelled,
        }
    }

    fn extra(&mut self, date: &'a RemoteDate) -> Extra {
        match date {
            RemoteDate::At(at) => Extra { at: self.moment(at), length: None },
            RemoteDate::Period { start, end } => {
                let at = self.moment(start);
                let length = Some(self.length(&at, end));
                Extra { at, length }
            }
        }
    }

    fn length(&mut self, start: &Moment, end: &'a RemoteEnd) -> crate::model::event::Length {
        let end = match end {
            RemoteEnd::At(end) => extent::End::At(self.moment(end)),
            RemoteEnd::Lasts(duration) => {
                extent::End::Lasts { days: duration.days, seconds: duration.seconds }
            }
            RemoteEnd::Unstated => extent::End::Unstated,
            // A day of doubt; `class` makes it unknown.
            RemoteEnd::Unreadable => extent::End::Lasts { days: 1, seconds: 0 },
        };
        extent::length(start, end)
    }

    fn moment(&mut self, time: &'a RemoteTime) -> Moment {
        match time {
            RemoteTime::Date(date) => Moment::Date(*date),
            RemoteTime::Utc(at) => Moment::Utc(*at),
            RemoteTime::Zoned { at, tzid } => Moment::Zoned(*at, self.zone(tzid)),
            RemoteTime::Floating(at) => match &self.floating {
                Some(zone) => Moment::Zoned(*at, zone.clone()),
                None => Moment::Floating(*at),
            },
        }
    }

    fn zone(&mut self, tzid: &'a str) -> Zone {
        let defined = &self.item.zones;
        let zone = self.zones.entry(tzid).or_insert_with(|| zones::resolve(tzid, defined));
        // A moment is kept with the definition of its zone.
        self.weight += zones::weight(zone);
        if self.weight > zones::MOST_WEIGHT {
            *zone = Zone::Unknown(tzid.to_owned());
        }
        zone.clone()
    }
}
