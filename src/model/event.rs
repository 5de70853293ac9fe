//! An event as the hub keeps it: when, how often and what kind of busy; no title, no people.
//!
//! Wall-clock times stay wall-clock times. They become instants only when a window is expanded
//! ([`super::recurrence`]) in the zone that holds then ([`super::time`]).

use jiff::{Timestamp, civil};
use serde::{Deserialize, Serialize};

use super::{busy::BusyClass, time::Zone};

/// A time as the calendar wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// A whole day, in the owner's zone.
    Date(civil::Date),
    /// A wall-clock time in the owner's zone.
    Floating(civil::DateTime),
    Zoned(civil::DateTime, Zone),
    Utc(Timestamp),
}

/// How long each instance lasts (RFC 5545 3.8.2.2, 3.8.2.5).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Length {
    /// Whole days, for all-day events.
    Days(i64),
    /// Nominal days on the wall clock, then exact seconds; either may be zero.
    Nominal { days: i64, seconds: i64 },
    /// Given by DTEND: the exact length of the first instance, kept for all of them.
    Until(Moment),
}

/// One component of a series: the master, or an override of one instance (or of one and all later).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Event {
    pub start: Moment,
    pub length: Length,
    /// What kind of busy an instance is, or `None` when it is free or cancelled.
    pub class: Option<BusyClass>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Replaces>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exrules: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rdates: Vec<Extra>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exdates: Vec<Moment>,
    /// For choosing between duplicates: higher SEQUENCE, then later DTSTAMP.
    #[serde(default)]
    pub sequence: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamped: Option<Timestamp>,
}

/// RECURRENCE-ID: the original start of what an override replaces.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Replaces {
    pub at: Moment,
    #[serde(default)]
    pub this_and_future: bool,
    /// STATUS:CANCELLED on the override: the instance is gone (rather than present and free).
    #[serde(default)]
    pub cancelled: bool,
}

/// One RDATE: a start, with its own length when it was a PERIOD.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Extra {
    pub at: Moment,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<Length>,
}

/// All components of one series; a single event is a series of one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    pub events: Vec<Event>,
}
