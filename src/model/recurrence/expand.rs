//! The series as a whole.

use jiff::{Timestamp, tz::TimeZone};

use crate::model::{
    busy::{BusyClass, BusyInterval},
    event::{Moment, Series},
    interval::Span,
};

/// How much work a series may still cost, in steps and never in time, so that every run ends the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    left: u32,
}

impl Budget {
    /// What one series may cost by default: a few milliseconds.
    pub const STEPS: u32 = 100_000;

    pub fn of(steps: u32) -> Self {
        Self { left: steps }
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::of(Self::STEPS)
    }
}

/// Why a series, or a part of it, is unknown. Never holds anything of the event's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    #[error("beyond the work budget")]
    Budget,
}

/// A series inside a window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expansion {
    /// Whole intervals (not clipped) that overlap the window, sorted; they may overlap one another.
    pub intervals: Vec<BusyInterval>,
    /// Why some of them are [`BusyClass::Unexpandable`], when a rule is the reason.
    pub unexpandable: Option<Trouble>,
}

/// Expands a series inside a window. Floating and all-day times are `owner`'s.
///
/// What is not understood or lies beyond the budget is [`BusyClass::Unexpandable`] over the span concerned.
pub fn expand(series: &Series, window: Span, owner: &TimeZone, budget: &mut Budget) -> Expansion {
    let _ = (series, owner, budget);
    Expansion {
        intervals: vec![BusyInterval { span: window, class: BusyClass::Unexpandable }],
        unexpandable: Some(Trouble::Budget),
    }
}

/// The starts of one rule inside a window, DTSTART included, sorted.
///
/// # Errors
///
/// When the rule cannot be read or is beyond the budget.
pub fn starts(
    dtstart: &Moment,
    rule: &str,
    window: Span,
    owner: &TimeZone,
    budget: &mut Budget,
) -> Result<Vec<Timestamp>, Trouble> {
    let _ = (dtstart, rule, window, owner, budget);
    Err(Trouble::Budget)
}
