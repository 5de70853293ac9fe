//! What kind of busy an interval is, and what a policy makes of it.

use serde::{Deserialize, Serialize};

use super::interval::Span;

/// The class of a busy interval as the provider's facts say it; the link's policy decides later what it
/// blocks (`design.md` calls this "policy at the end"). Free and cancelled instances have no interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BusyClass {
    Busy,
    Tentative,
    /// Invited and not answered (NEEDS-ACTION).
    Unanswered,
    Declined,
    /// An all-day event that is marked free.
    AllDayFree,
    OutOfOffice,
    WorkingElsewhere,
    FocusTime,
    /// Not busy time but the lack of knowledge: the span of a series that could not be expanded, or of an
    /// event whose zone nobody knows. Always *unknown*, whatever the policy.
    Unexpandable,
    /// An event that the hub itself wrote, as it was written: what its booking wants counts in its place.
    Mirror,
}

impl BusyClass {
    /// The number it is stored under.
    pub fn code(self) -> i16 {
        match self {
            Self::Busy => 0,
            Self::Tentative => 1,
            Self::Unanswered => 2,
            Self::Declined => 3,
            Self::AllDayFree => 4,
            Self::OutOfOffice => 5,
            Self::WorkingElsewhere => 6,
            Self::FocusTime => 7,
            Self::Unexpandable => 8,
            Self::Mirror => 9,
        }
    }

    /// Reads a stored number back; an unknown one is `Unexpandable`, never free.
    pub fn from_code(code: i16) -> Self {
        match code {
            0 => Self::Busy,
            1 => Self::Tentative,
            2 => Self::Unanswered,
            3 => Self::Declined,
            4 => Self::AllDayFree,
            5 => Self::OutOfOffice,
            6 => Self::WorkingElsewhere,
            7 => Self::FocusTime,
            9 => Self::Mirror,
            _ => Self::Unexpandable,
        }
    }
}

/// A span in which a calendar is not free, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BusyInterval {
    pub span: Span,
    pub class: BusyClass,
}

/// How strongly a span is taken, as answers tell it. Ordered: the strongest wins where spans overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Tentative,
    Busy,
    OutOfOffice,
}

impl Kind {
    /// Every kind, the strongest first.
    pub const STRONGEST_FIRST: [Self; 3] = [Self::OutOfOffice, Self::Busy, Self::Tentative];

    /// The word used in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tentative => "tentative",
            Self::Busy => "busy",
            Self::OutOfOffice => "out_of_office",
        }
    }

    /// FBTYPE of RFC 5545 3.2.9. Out of office has no word of its own there and is plain `BUSY`:
    /// `BUSY-UNAVAILABLE` is kept for what is unknown.
    pub fn fbtype(self) -> &'static str {
        match self {
            Self::Tentative => "BUSY-TENTATIVE",
            Self::Busy | Self::OutOfOffice => "BUSY",
        }
    }
}
