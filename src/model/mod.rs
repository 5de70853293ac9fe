//! Plain values and pure rules: no I/O, no clock, no provider.

pub mod busy;
pub mod event;
pub mod ids;
pub mod interval;
pub mod recurrence;
pub mod time;
