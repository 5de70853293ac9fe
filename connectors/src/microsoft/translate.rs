//! From Graph's words to ours. What cannot be read of an event is said, and is never free time.

use jiff::{Timestamp, civil, tz::Offset};

use super::{
    mark,
    wire::{Event, Moment},
};
use crate::{
    event::{
        BusyStatus, EventType, Item, ItemRef, RecurrenceId, RemoteDate, RemoteEnd, RemoteEvent,
        RemoteTime, Response, Status, Version,
    },
    rfc3339,
};

/// An event that stands for itself.
pub(super) fn single(event: &Event<'_>) -> Item {
    let id = event.id.get().unwrap_or_default();
    let mut reading = Reading::default();
    let events = reading.alone(event, id).into_iter().collect();
    Item {
        item: ItemRef::new(id),
        series: ItemRef::new(id),
        version: event.etag.get().map(Version::new),
        events,
        zones: Vec::new(),
        faults: reading.faults,
        unplaced: reading.is_unplaced,
    }
}

/// A series with all its occurrences. `facts` is where it says what kind of busy those are that say nothing
/// themselves; without, they are busy.
pub(super) fn series(
    id: &str,
    facts: Option<&Event<'_>>,
    occurrences: &[&Event<'_>],
    version: String,
) -> Item {
    let mut reading = Reading::default();
    let unknown = Event::default();
    let facts = facts.unwrap_or(&unknown);
    let uid = uid_of(facts).unwrap_or_else(|| id.to_owned());
    let (exceptions, plain): (Vec<_>, Vec<_>) =
        occurrences.iter().copied().partition(|event| event.kind.is("exception"));
    let regular = reading.plain(&uid, facts, &plain);
    let may_replace = regular.as_ref().is_none_or(|it| matches!(it.start, RemoteTime::Utc(_)));
    let mut events: Vec<RemoteEvent> = regular.into_iter().collect();
    for exception in exceptions {
        events.extend(reading.exception(&uid, exception, may_replace));
    }
    Item {
        item: ItemRef::new(id),
        series: ItemRef::new(id),
        version: Some(Version::new(version)),
        events,
        zones: Vec::new(),
        faults: reading.faults,
        unplaced: reading.is_unplaced,
    }
}

/// What is found out beside the events.
#[derive(Default)]
struct Reading {
    faults: Vec<String>,
    is_unplaced: bool,
}

impl Reading {
    fn fault(&mut self, fault: &str) {
        if !self.faults.iter().any(|it| it == fault) {
            self.faults.push(fault.to_owned());
        }
    }

    fn alone(&mut self, event: &Event<'_>, id: &str) -> Option<RemoteEvent> {
        let uid = uid_of(event).unwrap_or_else(|| id.to_owned());
        let start = self.start(event, event)?;
        let end = self.end(event, event);
        Some(RemoteEvent { end, ..blank(event, uid, start) })
    }

    /// The occurrences that are as their series has them: the first, and the dates of the others.
    fn plain(
        &mut self,
        uid: &str,
        facts: &Event<'_>,
        occurrences: &[&Event<'_>],
    ) -> Option<RemoteEvent> {
        let mut first: Option<RemoteEvent> = None;
        for occurrence in occurrences {
            // What a thin occurrence leaves to its master, a whole one says itself where there is none.
            let says = if facts.id.get().is_some() { facts } else { occurrence };
            if says.is_cancelled.0 {
                continue;
            }
            let Some(start) = self.start(occurrence, says) else { continue };
            let end = self.end(occurrence, says);
            match &mut first {
                None => {
                    let event = blank(says, uid.to_owned(), start);
                    first = Some(RemoteEvent { end, ..event });
                }
                Some(first) => first.rdates.push(RemoteDate::Period { start, end }),
            }
        }
        first
    }

    /// An occurrence that is not as its series has it. The server does not list what it replaces, so that it only has to
    /// say so where that leaves no doubt about the day; else it stands for itself.
    fn exception(
        &mut self,
        uid: &str,
        event: &Event<'_>,
        may_replace: bool,
    ) -> Option<RemoteEvent> {
        let start = self.start(event, event)?;
        let end = self.end(event, event);
        let original = event.original_start.get().and_then(rfc3339::stated);
        let original = original.and_then(rfc3339::Stated::instant).filter(|_| may_replace);
        let (uid, recurrence_id) = match original {
            Some(at) => {
                let at = RemoteTime::Utc(at);
                (uid.to_owned(), Some(RecurrenceId { at, this_and_future: false }))
            }
            None => (event.id.get().unwrap_or(uid).to_owned(), None),
        };
        Some(RemoteEvent { end, recurrence_id, ..blank(event, uid, start) })
    }

    /// When an event begins; `None` where that cannot be read, and then it may be at any time.
    fn start(&mut self, event: &Event<'_>, says: &Event<'_>) -> Option<RemoteTime> {
        let start = moment(&event.start, is_whole_days(event, says));
        if start.is_none() {
            self.fault("the start cannot be read");
            self.is_unplaced |= !says.show_as.is("free") && !says.is_cancelled.0;
        }
        start
    }

    fn end(&mut self, event: &Event<'_>, says: &Event<'_>) -> RemoteEnd {
        match moment(&event.end, is_whole_days(event, says)) {
            Some(end) => RemoteEnd::At(end),
            None => {
                self.fault("the end cannot be read");
                RemoteEnd::Unreadable
            }
        }
    }
}

/// Whether an event lasts whole days: it, or its series, says so, and both of its bounds are midnights.
fn is_whole_days(event: &Event<'_>, says: &Event<'_>) -> bool {
    let is_midnight =
        |bound: &Moment<'_>| wall(bound).is_some_and(|at| at.time() == civil::Time::midnight());
    // A thin occurrence does not say so itself. Of a series of days every occurrence lasts from midnight to midnight.
    (event.is_all_day.0 || says.is_all_day.0)
        && is_midnight(&event.start)
        && is_midnight(&event.end)
}

fn blank(event: &Event<'_>, uid: String, start: RemoteTime) -> RemoteEvent {
    let marker = mark_of(event).map(|(_, marker)| marker.to_owned());
    RemoteEvent {
        uid,
        recurrence_id: None,
        start,
        end: RemoteEnd::Unstated,
        rules: Vec::new(),
        exrules: Vec::new(),
        rdates: Vec::new(),
        exdates: Vec::new(),
        status: if event.is_cancelled.0 { Status::Cancelled } else { Status::Confirmed },
        transparent: event.show_as.is("free"),
        busy_status: Some(busy_status(event.show_as.get())),
        response: response(event),
        event_type: EventType::Default,
        sequence: 0,
        stamped: stamped(event),
        marker,
    }
}

/// What says that an event is ours: what can be written anew before what cannot.
fn mark_of<'a>(event: &'a Event<'_>) -> Option<(&'a str, &'a str)> {
    let written = event.single_value_extended_properties.get(mark::MARK).and_then(mark::read);
    written.or_else(|| event.transaction_id.get().and_then(mark::read))
}

fn uid_of(event: &Event<'_>) -> Option<String> {
    let own = mark_of(event).map(|(uid, _)| uid);
    own.or(event.uid.get()).map(str::to_owned)
}

/// A kind that nobody knows is busy: what is unknown is not free.
fn busy_status(word: Option<&str>) -> BusyStatus {
    match word {
        Some("free") => BusyStatus::Free,
        Some("tentative") => BusyStatus::Tentative,
        Some("oof") => BusyStatus::OutOfOffice,
        Some("workingElsewhere") => BusyStatus::WorkingElsewhere,
        _ => BusyStatus::Busy,
    }
}

/// Whoever organises a meeting has nothing to answer, and an answer that nobody knows yet takes nothing away.
fn response(event: &Event<'_>) -> Option<Response> {
    match event.response_status.0.get()? {
        _ if event.is_organizer.0 => None,
        "accepted" => Some(Response::Accepted),
        "declined" => Some(Response::Declined),
        "tentativelyAccepted" => Some(Response::Tentative),
        "notResponded" => Some(Response::NeedsAction),
        _ => None,
    }
}

fn stamped(event: &Event<'_>) -> Option<Timestamp> {
    event.last_modified_date_time.get().and_then(rfc3339::stated)?.instant()
}

fn wall(moment: &Moment<'_>) -> Option<civil::DateTime> {
    let Moment::At(when) = moment else { return None };
    Some(rfc3339::stated(when.date_time.get()?)?.at)
}

/// A bound in UTC, as was asked for. Where the server has answered in a zone all the same, the zone is passed on by
/// its name; a bound without any is nowhere.
fn moment(moment: &Moment<'_>, is_whole_days: bool) -> Option<RemoteTime> {
    let Moment::At(when) = moment else { return None };
    let stated = rfc3339::stated(when.date_time.get()?)?;
    if is_whole_days {
        return Some(RemoteTime::Date(stated.at.date()));
    }
    if let Some(instant) = stated.instant() {
        return Some(RemoteTime::Utc(instant));
    }
    match when.time_zone.get() {
        Some("UTC" | "tzone://Microsoft/Utc" | "Etc/UTC") => {
            Some(RemoteTime::Utc(Offset::UTC.to_timestamp(stated.at).ok()?))
        }
        other => {
            Some(RemoteTime::Zoned { at: stated.at, tzid: other.unwrap_or_default().to_owned() })
        }
    }
}
