//! Expanding a series inside a window, within a work budget.
//!
//! Wall-clock starts come first, instants last: a rule is walked on the wall clock of its DTSTART
//! (`parse` → `rule` → `pattern` → `walk`), and only what may touch the window is mapped to instants and
//! joined with exceptions and overrides (`clock`, `component` → `set` → `expand`). The cost of a window does
//! not depend on how far it lies from DTSTART. What cannot be read or would cost too much becomes
//! [`BusyClass::Unexpandable`]: unknown, never free.
//!
//! Decisions where RFC 5545 leaves room, each with a test of its name:
//! - DTSTART is always the first start and counts, whether or not its rule produces it.
//! - Rules go by the wall clock at every frequency; a start in a gap keeps the offset from before the gap,
//!   one in an overlap is the first of the two, and starts that fall on one instant are one start.
//! - BYWEEKNO counts weeks of the year that holds most of the week, also across the turn of the year, and
//!   without another part that says the day means DTSTART's weekday.
//! - COUNT and UNTIL together: whichever ends the rule first.
//!
//! [`BusyClass::Unexpandable`]: super::busy::BusyClass::Unexpandable

mod budget;
mod civil;
mod clock;
mod component;
mod days;
mod expand;
mod found;
mod lone;
mod onsets;
mod parse;
mod pattern;
mod rule;
mod set;
#[cfg(test)]
mod tests;
mod walk;

pub use budget::Budget;
pub use expand::{Expansion, expand, expand_events, starts};
pub use rule::RuleError;

pub(super) use onsets::onsets;

/// Why a series, or a part of it, is unknown. Never holds anything of the event's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    #[error(transparent)]
    Rule(#[from] RuleError),
    #[error("the rule is beyond its work budget")]
    Budget,
}
