//! What kind of busy an event is (`providers.md` 5.1, in its order).

use connectors::{
    RemoteEvent,
    event::{BusyStatus, EventType, RemoteEnd, RemoteTime, Response, Status},
};

use super::{Judge, Judging};
use crate::model::busy::BusyClass;

/// The class of every instance of the event, or `None` when it takes no time.
pub(super) fn of(event: &RemoteEvent, judging: &Judging<'_>) -> Option<BusyClass> {
    if event.status == Status::Cancelled || judging.calendar_is_transparent {
        return None;
    }
    let class = match judging.by {
        Judge::Facts => by_facts(event),
        Judge::Plain => plainly(event),
    };
    // How long it takes is not known: neither busy nor free.
    class.map(
        |class| if event.end == RemoteEnd::Unreadable { BusyClass::Unexpandable } else { class },
    )
}

fn by_facts(event: &RemoteEvent) -> Option<BusyClass> {
    let is_free = match event.busy_status {
        Some(status) => status == BusyStatus::Free,
        None => event.transparent,
    };
    if is_free && !is_all_day(event) {
        return None;
    }
    match (event.response, event.event_type) {
        (Some(Response::Declined), _) => return Some(BusyClass::Declined),
        (_, EventType::Birthday | EventType::WorkingLocation) => return None,
        _ if is_free => return Some(BusyClass::AllDayFree),
        (Some(Response::NeedsAction), _) => return Some(BusyClass::Unanswered),
        (Some(Response::Tentative), _) => return Some(BusyClass::Tentative),
        (_, EventType::OutOfOffice) => return Some(BusyClass::OutOfOffice),
        (_, EventType::FocusTime) => return Some(BusyClass::FocusTime),
        (Some(Response::Accepted) | None, EventType::Default) => {}
    }
    Some(match event.busy_status {
        Some(BusyStatus::Busy) => BusyClass::Busy,
        Some(BusyStatus::Tentative) => BusyClass::Tentative,
        Some(BusyStatus::OutOfOffice) => BusyClass::OutOfOffice,
        Some(BusyStatus::WorkingElsewhere) => BusyClass::WorkingElsewhere,
        Some(BusyStatus::Free) | None => by_status(event.status),
    })
}

fn plainly(event: &RemoteEvent) -> Option<BusyClass> {
    match (event.transparent, is_all_day(event)) {
        (true, true) => Some(BusyClass::AllDayFree),
        (true, false) => None,
        (false, _) => Some(by_status(event.status)),
    }
}

fn by_status(status: Status) -> BusyClass {
    match status {
        Status::Tentative => BusyClass::Tentative,
        Status::Confirmed | Status::Cancelled => BusyClass::Busy,
    }
}

fn is_all_day(event: &RemoteEvent) -> bool {
    matches!(event.start, RemoteTime::Date(_))
}
