//! Provider -> store: what a nudge or a timer sets off, up to the change log.
//!
//! Decisions are pure and small ([`schedule`], [`plan`], [`quarantine`], [`state`], [`window`]); doing is a
//! thin shell around them.

pub mod gate;
pub mod normalise;
pub mod plan;
pub mod quarantine;
pub mod schedule;
pub mod state;
pub mod window;
