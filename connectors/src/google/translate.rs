//! From Google's words to ours. One event is one item; what cannot be read of it is said, and is never free time.

use std::collections::HashMap;

use jiff::tz::TimeZone;

use super::{
    access::Access,
    id,
    wire::{self, Moment, When},
};
use crate::{
    connector::{CalendarRef, Change, RemoteCalendar},
    event::{
        EventType, Item, ItemRef, RecurrenceId, RemoteEnd, RemoteEvent, RemoteTime, Response,
        Status, Version,
    },
    ical,
    rfc3339::{self, Stated},
};

/// The longest name of a calendar that is kept.
const LONGEST_NAME: usize = 200;

/// Zones by name, looked up once a page.
#[derive(Debug)]
pub(super) struct Zones<'a> {
    known: HashMap<String, Option<TimeZone>>,
    /// The calendar's own: what a time without offset and zone is meant in.
    default: Option<&'a str>,
}

impl<'a> Zones<'a> {
    pub(super) fn of(calendar: Option<&'a str>) -> Self {
        Self { known: HashMap::new(), default: calendar }
    }

    fn get(&mut self, name: &str) -> Option<&TimeZone> {
        if !self.known.contains_key(name) {
            self.known.insert(name.to_owned(), TimeZone::get(name).ok());
        }
        self.known.get(name).and_then(Option::as_ref)
    }
}

/// How the zone of a time matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keep {
    /// Not at all: the instant says everything.
    Instant,
    /// As it is written, unless the clock shows it twice.
    Wall,
    /// Whatever the clock shows: what recurs, recurs by it.
    Rule,
}

/// What an event is news of. Callers have seen that it has an id.
pub(super) fn change(event: &wire::Event<'_>, zones: &mut Zones<'_>) -> Change {
    let name = event.id.get().unwrap_or_default();
    let mut reading = Reading { event, zones, faults: Vec::new(), is_unplaced: false };
    if event.status.is("cancelled") {
        return match reading.instance(name) {
            Some((series, at)) => Change::Present(reading.cancelled(name, &series, at)),
            None => Change::Gone(ItemRef::new(name)),
        };
    }
    Change::Present(reading.item(name))
}

/// An event being read.
struct Reading<'a, 'z> {
    event: &'a wire::Event<'a>,
    zones: &'a mut Zones<'z>,
    faults: Vec<String>,
    is_unplaced: bool,
}

impl Reading<'_, '_> {
    fn fault(&mut self, fault: &str) {
        self.faults.push(fault.to_owned());
    }

    fn item(mut self, name: &str) -> Item {
        let is_instance = self.event.recurring_event_id.get().is_some();
        let replaced = if is_instance { self.instance(name) } else { None };
        if is_instance && replaced.is_none() {
            // Alone it takes its time beside what it replaces; in its series it would be taken for the whole.
            self.fault("an occurrence does not say which one it replaces");
        }
        let (series, original) = match replaced {
            Some((series, at)) => (series, Some(at)),
            None => (name.to_owned(), None),
        };
        let recurs = original.is_none() && !self.event.recurrence.texts.is_empty();
        let keep = match (&original, recurs) {
            (_, true) => Keep::Rule,
            (Some(_), _) => Keep::Wall,
            (None, false) => Keep::Instant,
        };
        let start = self.moment(&self.event.start, keep);
        let events = match start {
            Some(start) => vec![self.present(name, &series, start, original, keep)],
            None => {
                self.fault("the start cannot be read");
                self.is_unplaced |= !self.event.transparency.is("transparent");
                Vec::new()
            }
        };
        self.finish(name, series, events)
    }

    fn present(
        &mut self,
        name: &str,
        series: &str,
        start: RemoteTime,
        original: Option<RemoteTime>,
        keep: Keep,
    ) -> RemoteEvent {
        let end = self.end(&start, keep);
        let mut event = self.blank(name, series, start);
        event.end = end;
        event.transparent = self.event.transparency.is("transparent");
        event.response = response(&self.event.attendees);
        event.event_type = event_type(self.event.event_type.get());
        if self.event.status.is("tentative") {
            event.status = Status::Tentative;
        }
        match original {
            Some(at) => event.recurrence_id = Some(RecurrenceId { at, this_and_future: false }),
            None => self.recur(&mut event),
        }
        event
    }

    fn end(&mut self, start: &RemoteTime, keep: Keep) -> RemoteEnd {
        match (&self.event.end, self.moment(&self.event.end, keep)) {
            (_, Some(end)) => RemoteEnd::At(end),
            // Google always states an end. A day has its own length all the same; an hour has none.
            (Moment::Absent, None) if matches!(start, RemoteTime::Date(_)) => RemoteEnd::Unstated,
            (_, None) => {
                self.fault("the end cannot be read");
                RemoteEnd::Unreadable
            }
        }
    }

    /// Rules and dates are written as iCalendar has them.
    fn recur(&mut self, event: &mut RemoteEvent) {
        let lines = &self.event.recurrence;
        let read = lines.texts.iter().filter_map(|line| line.get());
        if lines.is_odd || lines.texts.iter().any(|line| line.get().is_none()) {
            self.fault("a line of the recurrence cannot be read");
            self.is_unplaced = true;
        }
        if lines.texts.is_empty() {
            return;
        }
        let recurrence = ical::recurrence(read);
        self.is_unplaced |= recurrence.loses_time;
        self.faults.extend(recurrence.faults);
        event.rules = recurrence.rules;
        event.exrules = recurrence.exrules;
        event.rdates = recurrence.rdates;
        event.exdates = recurrence.exdates;
    }

    /// The series of an instance, and the start that it replaces: as stated, or as its id says.
    fn instance(&mut self, name: &str) -> Option<(String, RemoteTime)> {
        let stated = self.moment(&self.event.original_start_time, Keep::Wall);
        let named = id::instance(name);
        let series = self.event.recurring_event_id.get();
        match (series, named) {
            (Some(series), named) => Some((series.to_owned(), stated.or(named.map(|(_, at)| at))?)),
            // Answers to a sync token have been seen with nothing but an id and a status.
            (None, Some((series, at))) => Some((series.to_owned(), stated.unwrap_or(at))),
            (None, None) => None,
        }
    }

    fn cancelled(self, name: &str, series: &str, at: RemoteTime) -> Item {
        let mut event = self.blank(name, series, at.clone());
        event.status = Status::Cancelled;
        event.recurrence_id = Some(RecurrenceId { at, this_and_future: false });
        self.finish(name, series.to_owned(), vec![event])
    }

    fn blank(&self, name: &str, series: &str, start: RemoteTime) -> RemoteEvent {
        let event = self.event;
        let stated = || event.uid.get().unwrap_or(series).to_owned();
        RemoteEvent {
            uid: id::uid_of(name).unwrap_or_else(stated),
            recurrence_id: None,
            start,
            end: RemoteEnd::Unstated,
            rules: Vec::new(),
            exrules: Vec::new(),
            rdates: Vec::new(),
            exdates: Vec::new(),
            status: Status::Confirmed,
            transparent: false,
            busy_status: None,
            response: None,
            event_type: EventType::Default,
            sequence: event.sequence.0,
            stamped: event.updated.get().and_then(rfc3339::stated).and_then(Stated::instant),
            marker: event.extended_properties.0.0.calhub.get().map(str::to_owned),
        }
    }

    fn finish(self, name: &str, series: String, events: Vec<RemoteEvent>) -> Item {
        Item {
            item: ItemRef::new(name),
            series: ItemRef::new(series),
            version: self.event.etag.get().map(Version::new),
            events,
            zones: Vec::new(),
            faults: self.faults,
            unplaced: self.is_unplaced,
        }
    }

    fn moment(&mut self, moment: &Moment<'_>, keep: Keep) -> Option<RemoteTime> {
        let Moment::At(when) = moment else { return None };
        match (when.date_time.get(), when.date.get()) {
            (Some(text), _) => self.clock(rfc3339::stated(text)?, when, keep),
            (None, Some(text)) => rfc3339::date(text).map(RemoteTime::Date),
            (None, None) => None,
        }
    }

    fn clock(&mut self, stated: Stated, when: &When<'_>, keep: Keep) -> Option<RemoteTime> {
        let own = when.time_zone.get().filter(|zone| *zone != "UTC");
        let is_utc = own.is_none() && when.time_zone.get().is_some();
        // What recurs without a zone of its own does so by the calendar's.
        let tzid = own.or(self.zones.default.filter(|_| !is_utc));
        let Some(_) = stated.offset_s else {
            let floating = RemoteTime::Floating(stated.at);
            let utc = || Some(RemoteTime::Utc(Stated { offset_s: Some(0), ..stated }.instant()?));
            return if is_utc { utc() } else { Some(zoned(stated.at, tzid).unwrap_or(floating)) };
        };
        let instant = stated.instant()?;
        let wanted = match keep {
            Keep::Instant => None,
            Keep::Wall => own,
            Keep::Rule => tzid,
        };
        let Some(name) = wanted else { return Some(RemoteTime::Utc(instant)) };
        let Some(zone) = self.zones.get(name) else {
            if keep == Keep::Rule {
                self.fault("a time zone is unknown");
            }
            return Some(RemoteTime::Utc(instant));
        };
        let wall = zone.to_datetime(instant);
        let is_meant = || {
            let meant = zone.to_ambiguous_zoned(wall).compatible();
            meant.is_ok_and(|meant| meant.timestamp() == instant)
        };
        if keep == Keep::Wall && !is_meant() {
            return Some(RemoteTime::Utc(instant));
        }
        zoned(wall, Some(name))
    }
}

fn zoned(at: jiff::civil::DateTime, tzid: Option<&str>) -> Option<RemoteTime> {
    Some(RemoteTime::Zoned { at, tzid: tzid?.to_owned() })
}

/// An answer that nobody knows yet takes nothing away.
fn response(own: &wire::Own<'_>) -> Option<Response> {
    match own.0.get()? {
        "accepted" => Some(Response::Accepted),
        "declined" => Some(Response::Declined),
        "tentative" => Some(Response::Tentative),
        "needsAction" => Some(Response::NeedsAction),
        _ => None,
    }
}

/// A type that nobody knows yet is an event as any other: what is unknown is not free.
fn event_type(word: Option<&str>) -> EventType {
    match word {
        Some("outOfOffice") => EventType::OutOfOffice,
        Some("focusTime") => EventType::FocusTime,
        Some("workingLocation") => EventType::WorkingLocation,
        Some("birthday") => EventType::Birthday,
        _ => EventType::Default,
    }
}

/// A calendar of the list; `None` for one that the person has taken out of it.
pub(super) fn calendar(entry: &wire::Calendar<'_>, access: Access) -> Option<RemoteCalendar> {
    let id = entry.id.get().filter(|_| !entry.deleted.0)?;
    let name = entry.summary_override.get().or(entry.summary.get()).unwrap_or(id);
    let may_write =
        matches!(entry.access_role.get(), Some("owner" | "writer" | "writerWithoutPrivateAccess"));
    Some(RemoteCalendar {
        calendar: CalendarRef::new(id),
        name: name.chars().take(LONGEST_NAME).collect(),
        time_zone: entry.time_zone.get().map(str::to_owned),
        writable: may_write && access == Access::ReadWrite,
        transparent: false,
    })
}
