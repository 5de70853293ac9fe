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
