//! What providers store, in their own words: nothing here is decided yet, only read.
//!
//! Titles, texts and attendees are not kept: the hub does not need them to know when somebody is busy.

use std::sync::Arc;

use jiff::{Timestamp, civil};
use serde::{Deserialize, Serialize};

/// The provider's name for one stored thing: a CalDAV href, a feed's UID, a Google event id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ItemRef(String);

/// The opaque mark of one state of an item (ETag, changeKey, content hash).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Version(String);

macro_rules! opaque {
    ($($name:ident),*) => {$(
        impl $name {
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    )*};
}
opaque!(ItemRef, Version);

impl Version {
    /// The mark of an item that nobody has been able to read so far, with how often it was tried. It is no
    /// state of the item: what is kept under it is asked for again at the next pull, also when no delta names it.
    pub const UNREAD: &str = "unread:";

    /// Marks an item that could not be read for the `tries`th time.
    pub fn unread(tries: u32) -> Self {
        Self(format!("{}{tries}", Self::UNREAD))
    }

    /// How often the item could not be read, or `None` for the version of one that was.
    pub fn tries(&self) -> Option<u32> {
        self.0.strip_prefix(Self::UNREAD)?.parse().ok()
    }
}

/// One thing a provider keeps under one version: for CalDAV a resource (a master with its overrides),
/// for a feed all components of one UID, for Google one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub item: ItemRef,
    /// Groups the items that expand together: the item itself for CalDAV and feeds, the master's id for
    /// providers that keep exceptions as items of their own.
    pub series: ItemRef,
    pub version: Option<Version>,
    pub events: Vec<RemoteEvent>,
    /// The VTIMEZONEs that came along, for TZIDs that are no public name.
    pub zones: Vec<Arc<ZoneDefinition>>,
    /// Parts that could not be read, one short sentence each, without personal content.
    pub faults: Vec<String>,
    /// Something of it certainly takes time, and nobody can tell when: what cannot be read is not free.
    pub unplaced: bool,
}

/// One VEVENT, or its equivalent. An override replaces its instance as a whole and inherits nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RemoteEvent {
    pub uid: String,
    /// The original start of the instance that this component replaces.
    pub recurrence_id: Option<RecurrenceId>,
    pub start: RemoteTime,
    pub end: RemoteEnd,
    /// RRULE values as written (`FREQ=WEEKLY;BYDAY=MO`); normally at most one.
    pub rules: Vec<String>,
    /// EXRULE values as written (RFC 2445, still seen).
    pub exrules: Vec<String>,
    pub rdates: Vec<RemoteDate>,
    pub exdates: Vec<RemoteTime>,
    pub status: Status,
    pub transparent: bool,
    /// `X-MICROSOFT-CDO-BUSYSTATUS`, Graph `showAs`, or FBTYPE of a stored VFREEBUSY.
    pub busy_status: Option<BusyStatus>,
    /// The account's own answer, where the account is among the attendees.
    pub response: Option<Response>,
    pub event_type: EventType,
    pub sequence: i64,
    pub stamped: Option<Timestamp>,
    /// Our own marker, `X-HUB-BOOKING` on CalDAV.
    pub marker: Option<String>,
}

/// RECURRENCE-ID with its RANGE.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RecurrenceId {
    pub at: RemoteTime,
    pub this_and_future: bool,
}

/// A time as written. Only `Utc` is an instant already.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RemoteTime {
    Date(civil::Date),
    Floating(civil::DateTime),
    Zoned { at: civil::DateTime, tzid: String },
    Utc(Timestamp),
}

/// How a component states its extent (RFC 5545 3.6.1: DTEND, DURATION or neither).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RemoteEnd {
    At(RemoteTime),
    Lasts(RemoteDuration),
    Unstated,
    /// Stated, and in a way that nobody can read.
    Unreadable,
}

/// RFC 5545 DURATION: weeks and days are nominal (wall clock), the rest is exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RemoteDuration {
    pub days: i64,
    pub seconds: i64,
}

/// One RDATE value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RemoteDate {
    At(RemoteTime),
    /// `VALUE=PERIOD`: its own extent wins for that instance.
    Period {
        start: RemoteTime,
        end: RemoteEnd,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Status {
    #[default]
    Confirmed,
    Tentative,
    Cancelled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BusyStatus {
    Free,
    Tentative,
    Busy,
    OutOfOffice,
    WorkingElsewhere,
}

/// PARTSTAT of the account's own attendee entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Response {
    Accepted,
    Declined,
    Tentative,
    NeedsAction,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum EventType {
    #[default]
    Default,
    OutOfOffice,
    FocusTime,
    WorkingLocation,
    Birthday,
}

/// An embedded VTIMEZONE, as data; `calhub::model::time` evaluates it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ZoneDefinition {
    pub tzid: String,
    /// `X-LIC-LOCATION`, `TZID-ALIAS-OF`, and the IANA name of `X-MICROSOFT-CDO-TZID`: tried before the rules.
    pub aliases: Vec<String>,
    pub observances: Vec<Observance>,
}

/// One STANDARD or DAYLIGHT block.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Observance {
    pub daylight: bool,
    /// DTSTART, in the wall clock of `offset_from_s`.
    pub starts: civil::DateTime,
    pub offset_from_s: i32,
    pub offset_to_s: i32,
    pub rule: Option<String>,
    pub rdates: Vec<civil::DateTime>,
}
