//! iCalendar (RFC 5545) in and out: hostile bytes to [`Item`](crate::Item)s, and our own events to text.
//!
//! Reading never trusts and never gives up: a broken line costs what stands on it, a broken event costs
//! that event, and both are reported. Nothing is resolved or decided here: zones stay names, rules stay
//! text, busy stays STATUS and TRANSP. `docs/adr` says why the reader is our own and the writer is not.

mod decode;
mod event;
mod fingerprint;
mod free_busy;
mod group;
mod lines;
mod observances;
mod read;
mod recurrence;
mod rewrite;
mod values;
mod write;
mod zones;

#[cfg(test)]
mod tests;

pub use fingerprint::fingerprint;
pub use read::{ParseOptions, Parsed, parse};
pub(crate) use recurrence::recurrence;
pub use rewrite::rewrite;
pub(crate) use values::time;
pub use write::write;
