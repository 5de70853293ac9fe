//! One VEVENT while it is being read, and what becomes of it.

use std::borrow::Cow;

use jiff::{Timestamp, civil};

use super::{
    lines::{Content, Line, param_value, value},
    read::ParseOptions,
    values,
};
use crate::event::{
    BusyStatus, EventType, RecurrenceId, RemoteDate, RemoteEnd, RemoteEvent, RemoteTime, Response,
    Status,
};

/// The most RDATEs and the most EXDATEs of one component.
const MOST_DATES: usize = 10_000;
/// The most rules of one component; more than one is already odd.
const MOST_RULES: usize = 100;

/// Where the names of all properties of an event begin that are looked at.
const INITIALS: &[u8] = b"ADERSTUX";

/// Where an event's DTSTART stands.
#[derive(Debug, Default)]
enum Start {
    #[default]
    Missing,
    Unreadable,
    At(RemoteTime),
}

/// A VEVENT being read.
#[derive(Debug, Default)]
pub(super) struct EventParts<'a> {
    uid: Option<Cow<'a, str>>,
    recurrence_id: Option<RecurrenceId>,
    start: Start,
    end: Option<RemoteTime>,
    duration: Option<crate::event::RemoteDuration>,
    end_is_unreadable: bool,
    rules: Vec<String>,
    exrules: Vec<String>,
    rdates: Vec<RemoteDate>,
    exdates: Vec<RemoteTime>,
    status: Status,
    transparent: bool,
    busy_status: Option<BusyStatus>,
    all_day: bool,
    response: Option<Response>,
    sequence: i64,
    stamped: Option<Timestamp>,
    marker: Option<String>,
    summary: &'a str,
    faults: Vec<String>,
    loses_time: bool,
}

/// How an event recurs.
#[derive(Debug)]
pub(crate) struct Recurrence {
    pub(crate) rules: Vec<String>,
    pub(crate) exrules: Vec<String>,
    pub(crate) rdates: Vec<RemoteDate>,
    pub(crate) exdates: Vec<RemoteTime>,
    pub(crate) faults: Vec<String>,
    /// A date that could not be read adds time somewhere.
    pub(crate) loses_time: bool,
}

/// What a finished component came to.
#[derive(Debug)]
pub(super) enum Finished<'a> {
    /// `summary` only serves to tell events without a UID apart.
    Event { event: Box<RemoteEvent>, faults: Vec<String>, loses_time: bool, summary: &'a str },
    /// An event that certainly exists and cannot be placed.
    Unreadable { uid: Option<String>, fault: String },
    /// A component without DTSTART takes no time (RFC 5545 3.6.1 allows it in messages only).
    Timeless,
}

impl<'a> EventParts<'a> {
    pub(super) fn has_start(&self) -> bool {
        !matches!(self.start, Start::Missing)
    }

    pub(super) fn fault(&mut self, fault: impl Into<String>) {
        let fault = fault.into();
        if self.faults.len() < 20 && !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    /// Whether a property whose name begins with this letter may be one that [`Self::take`] looks at.
    pub(super) fn may_take(initial: u8) -> bool {
        INITIALS.contains(&initial)
    }

    /// Takes one property; those that say nothing about busy time are passed over without a look.
    pub(super) fn take(&mut self, name: &str, line: Line<'a>, options: &ParseOptions) {
        match name {
            "SUMMARY" => self.summary = line.head(),
            "DTSTART" | "DTEND" | "DURATION" | "RRULE" | "EXRULE" | "RDATE" | "EXDATE"
            | "RECURRENCE-ID" | "UID" | "STATUS" | "TRANSP" | "SEQUENCE" | "DTSTAMP"
            | "X-HUB-BOOKING" => {
                if line.is_too_long() {
                    self.fault(format!("{name} is longer than 1 MiB"));
                    self.loses_time |= name == "RDATE";
                    // The head of a rule is another rule; this is none, and makes the series unknown.
                    if name == "RRULE" {
                        return push_rule(&mut self.rules, "RRULE:TOO-LONG");
                    }
                }
                match name {
                    "UID" => self.uid = Some(value(line.text())).filter(|uid| !uid.is_empty()),
                    name => self.take_core(name, &line.text()),
                }
            }
            "X-MICROSOFT-CDO-BUSYSTATUS" | "X-MICROSOFT-CDO-ALLDAYEVENT"
                if options.vendor_properties =>
            {
                self.take_vendor(name, Content::of(&line.text()).value);
            }
            "ATTENDEE" if !options.own_addresses.is_empty() && !line.is_too_long() => {
                self.take_attendee(&line.text(), options);
            }
            _ => {}
        }
    }

    /// Takes a property that most events have, from its whole line without folds.
    pub(super) fn take_core(&mut self, name: &str, text: &str) {
        match name {
            "STATUS" => self.status = status(Content::of(text).value),
            "TRANSP" => {
                let word = Content::of(text).value.as_bytes().get(.."TRANSPARENT".len());
                self.transparent = word.is_some_and(|it| it.eq_ignore_ascii_case(b"TRANSPARENT"));
            }
            "SEQUENCE" => self.sequence = Content::of(text).value.parse().unwrap_or(0),
            "X-HUB-BOOKING" => self.marker = Some(Content::of(text).value.to_owned()),
            "RRULE" => push_rule(&mut self.rules, text),
            "EXRULE" => push_rule(&mut self.exrules, text),
            "DURATION" => match values::duration(Content::of(text).value) {
                Some(duration) => self.duration = Some(duration),
                None => self.unreadable_end("DURATION cannot be read"),
            },
            _ => self.take_time(name, Content::of_colonless(text)),
        }
    }

    fn unreadable_end(&mut self, fault: &str) {
        self.end_is_unreadable = true;
        self.fault(fault);
    }

    fn take_time(&mut self, name: &str, content: Content<'_>) {
        let (mut tzid, mut kind, mut range) = (None, None, None);
        for (key, value) in content.params() {
            for (name, first) in [("TZID", &mut tzid), ("VALUE", &mut kind), ("RANGE", &mut range)]
            {
                if first.is_none() && key.eq_ignore_ascii_case(name) {
                    *first = Some(param_value(value));
                }
            }
        }
        let tzid = tzid.as_deref();
        let is_date = kind.is_some_and(|kind| kind.eq_ignore_ascii_case("DATE"));
        let time = || values::time(content.value, tzid, is_date);
        match name {
            // The first of several stands; a second is as wrong as the first is right.
            "DTSTART" if !matches!(self.start, Start::At(_)) => {
                self.start = time().map_or(Start::Unreadable, Start::At);
            }
            "DTEND" => match time() {
                Some(end) => self.end = Some(end),
                None => self.unreadable_end("DTEND cannot be read"),
            },
            "RECURRENCE-ID" => match time() {
                Some(at) => {
                    let this_and_future =
                        range.is_some_and(|r| r.eq_ignore_ascii_case("THISANDFUTURE"));
                    self.recurrence_id = Some(RecurrenceId { at, this_and_future });
                }
                None => self.fault("RECURRENCE-ID cannot be read"),
            },
            "DTSTAMP" => {
                if let Some(RemoteTime::Utc(at)) = time() {
                    self.stamped = Some(at);
                }
            }
            "EXDATE" => self.take_exdates(content.value, tzid, is_date),
            "RDATE" => self.take_rdates(content.value, tzid, is_date),
            _ => {}
        }
    }

    /// An EXDATE that cannot be read removes nothing: its instance stays busy.
    fn take_exdates(&mut self, list: &str, tzid: Option<&str>, is_date: bool) {
        for value in list.split([',', ';']) {
            if self.exdates.len() == MOST_DATES {
                return self.fault("more than 10,000 EXDATEs");
            }
            self.exdates.extend(values::time(value, tzid, is_date));
        }
    }

    fn take_rdates(&mut self, list: &str, tzid: Option<&str>, is_date: bool) {
        for value in list.split([',', ';']).filter(|value| !value.trim().is_empty()) {
            if self.rdates.len() == MOST_DATES {
                self.loses_time = true;
                return self.fault("more than 10,000 RDATEs");
            }
            match values::date_or_period(value, tzid, is_date) {
                Some(date) => self.rdates.push(date),
                None => {
                    self.loses_time = true;
                    self.fault("RDATE cannot be read");
                }
            }
        }
    }

    fn take_vendor(&mut self, name: &str, value: &str) {
        let value = value.to_ascii_uppercase();
        if name == "X-MICROSOFT-CDO-ALLDAYEVENT" {
            self.all_day = value == "TRUE";
            return;
        }
        self.busy_status = match value.as_str() {
            "FREE" => Some(BusyStatus::Free),
            "TENTATIVE" => Some(BusyStatus::Tentative),
            "BUSY" => Some(BusyStatus::Busy),
            "OOF" => Some(BusyStatus::OutOfOffice),
            "WORKINGELSEWHERE" => Some(BusyStatus::WorkingElsewhere),
            _ => None,
        };
    }

    fn take_attendee(&mut self, text: &str, options: &ParseOptions) {
        let content = Content::of(text);
        let named = content.param("EMAIL");
        if options.is_own(content.value) || named.is_some_and(|email| options.is_own(&email)) {
            self.response =
                content.param("PARTSTAT").and_then(|it| response(&it)).or(self.response);
        }
    }

    /// What was read of recurrence alone.
    pub(super) fn into_recurrence(self) -> Recurrence {
        let Self { rules, exrules, rdates, exdates, faults, loses_time, .. } = self;
        Recurrence { rules, exrules, rdates, exdates, faults, loses_time }
    }

    /// Closes the component. `MICROSOFT-CDO-ALLDAYEVENT` between midnights makes it a matter of dates.
    pub(super) fn finish(mut self) -> Finished<'a> {
        let start = match std::mem::take(&mut self.start) {
            Start::At(start) => start,
            Start::Missing => return Finished::Timeless,
            Start::Unreadable => {
                let fault = "DTSTART cannot be read".to_owned();
                return Finished::Unreadable { uid: self.uid.map(Cow::into_owned), fault };
            }
        };
        let end = match (self.end, self.duration) {
            (Some(end), _) => RemoteEnd::At(end),
            (None, Some(duration)) => RemoteEnd::Lasts(duration),
            (None, None) if self.end_is_unreadable => RemoteEnd::Unreadable,
            (None, None) => RemoteEnd::Unstated,
        };
        let mut event = RemoteEvent {
            uid: self.uid.unwrap_or_default().into_owned(),
            recurrence_id: self.recurrence_id,
            start,
            end,
            rules: self.rules,
            exrules: self.exrules,
            rdates: self.rdates,
            exdates: self.exdates,
            status: self.status,
            transparent: self.transparent,
            busy_status: self.busy_status,
            response: self.response,
            event_type: EventType::Default,
            sequence: self.sequence,
            stamped: self.stamped,
            marker: self.marker,
        };
        if self.all_day {
            to_whole_days(&mut event);
        }
        let (event, faults, summary) = (Box::new(event), self.faults, self.summary);
        Finished::Event { event, faults, loses_time: self.loses_time, summary }
    }
}

fn push_rule(rules: &mut Vec<String>, text: &str) {
    let value = Content::of(text).value;
    if rules.len() < MOST_RULES {
        // Some producers escape the separators as if a rule were TEXT.
        rules.push(value.replace('\\', ""));
    }
}

fn status(value: &str) -> Status {
    let is = |word: &str| value.eq_ignore_ascii_case(word);
    if is("CANCELLED") || is("CANCELED") || is("DELETED") {
        Status::Cancelled
    } else if is("TENTATIVE") {
        Status::Tentative
    } else {
        Status::Confirmed
    }
}

fn response(value: &str) -> Option<Response> {
    match value.to_ascii_uppercase().as_str() {
        "ACCEPTED" | "COMPLETED" | "IN-PROCESS" => Some(Response::Accepted),
        "DECLINED" => Some(Response::Declined),
        "TENTATIVE" => Some(Response::Tentative),
        "NEEDS-ACTION" => Some(Response::NeedsAction),
        _ => None,
    }
}

fn midnight(time: &RemoteTime) -> Option<civil::Date> {
    match time {
        RemoteTime::Date(date) => Some(*date),
        RemoteTime::Floating(at) | RemoteTime::Zoned { at, .. } => {
            (at.time() == civil::Time::midnight()).then(|| at.date())
        }
        RemoteTime::Utc(at) => {
            let at = jiff::tz::Offset::UTC.to_datetime(*at);
            (at.time() == civil::Time::midnight()).then(|| at.date())
        }
    }
}

fn to_whole_days(event: &mut RemoteEvent) {
    let Some(start) = midnight(&event.start) else { return };
    if let RemoteEnd::At(end) = &event.end {
        let Some(end) = midnight(end) else { return };
        event.end = RemoteEnd::At(RemoteTime::Date(end));
    }
    event.start = RemoteTime::Date(start);
    let originals = event.recurrence_id.iter_mut().map(|id| &mut id.at);
    for time in event.exdates.iter_mut().chain(originals) {
        if let Some(date) = midnight(time) {
            *time = RemoteTime::Date(date);
        }
    }
}
