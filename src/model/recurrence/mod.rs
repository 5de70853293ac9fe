//! Expanding a series inside a window, within a work budget.
//!
//! Wall-clock starts come first, instants last: a rule is walked on the wall clock of its DTSTART, and only
//! what may touch the window is mapped to instants. What cannot be read or would cost too much becomes
//! [`BusyClass::Unexpandable`]: unknown, never free.
//!
//! [`BusyClass::Unexpandable`]: super::busy::BusyClass::Unexpandable

mod expand;

pub use expand::{Budget, Expansion, Trouble, expand, starts};
