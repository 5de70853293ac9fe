//! The in-memory busy index: answers free/busy without touching the store (`design.md`, rules 10 and 11).
//!
//! [`Index`] holds one immutable snapshot a calendar and a resource, behind short locks; [`Tail`] keeps it
//! current from the change log and from the calendars' freshness; [`query`] computes answers.

mod busy;
mod facts;
mod fresh;
mod packed;
pub mod query;
mod rows;
mod snapshots;
mod tail;
mod without;

pub use busy::Busy;
pub use facts::{CalendarFacts, Login, Reason};
pub use packed::Packed;
pub(crate) use rows::{facts_of, policy_of};
pub use snapshots::{CalendarSnapshot, Index, Kinds, Link, Progress, ResourceSnapshot, Tenant};
pub use tail::Tail;
