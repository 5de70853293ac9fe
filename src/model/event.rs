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
    /// Which of several events that share one version it belongs to: overrides replace instances of their own
    /// event only.
    #[serde(default, skip_serializing_if = "is_first")]
    pub part: u32,
    /// For choosing between duplicates: higher SEQUENCE, then later DTSTAMP.
    #[serde(default)]
    pub sequence: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamped: Option<Timestamp>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_first(part: &u32) -> bool {
    *part == 0
}

/// What an event whose time nobody can read has for a rule. No rule reads like this, so the event is
/// unexpandable from its start on: at all times that anybody asks about.
const UNPLACED: &str = "UNPLACED";

impl Event {
    /// An event that certainly exists, at a time that cannot be read. A part of its own: no newer version of
    /// anything else may replace it.
    pub fn unplaced() -> Self {
        Self {
            start: Moment::Utc(Timestamp::UNIX_EPOCH),
            length: Length::Nominal { days: 0, seconds: 0 },
            class: Some(BusyClass::Unexpandable),
            replaces: None,
            rules: vec![UNPLACED.to_owned()],
            exrules: Vec::new(),
            rdates: Vec::new(),
            exdates: Vec::new(),
            part: u32::MAX,
            sequence: 0,
            stamped: None,
        }
    }

    /// The same with its days and floating times in a zone.
    #[must_use]
    pub fn moored(&self, zone: &Zone) -> Self {
        let moor = |moment: &Moment| match moment {
            Moment::Date(date) => {
                Moment::Zoned(date.to_datetime(civil::Time::midnight()), zone.clone())
            }
            Moment::Floating(at) => Moment::Zoned(*at, zone.clone()),
            Moment::Zoned(..) | Moment::Utc(_) => moment.clone(),
        };
        let last = |length: &Length| match length {
            Length::Days(days) => Length::Nominal { days: *days, seconds: 0 },
            Length::Until(end) => Length::Until(moor(end)),
            Length::Nominal { .. } => length.clone(),
        };
        let extra =
            |extra: &Extra| Extra { at: moor(&extra.at), length: extra.length.as_ref().map(last) };
        let replaces = |it: &Replaces| Replaces { at: moor(&it.at), ..it.clone() };
        Self {
            start: moor(&self.start),
            length: last(&self.length),
            replaces: self.replaces.as_ref().map(replaces),
            rdates: self.rdates.iter().map(extra).collect(),
            exdates: self.exdates.iter().map(moor).collect(),
            ..self.clone()
        }
    }

    pub fn is_unplaced(&self) -> bool {
        self.rules.first().is_some_and(|rule| rule == UNPLACED)
    }
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
