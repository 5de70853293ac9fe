//! Plain values and pure rules: no I/O, no clock, no provider.

pub mod bitmap;
pub mod busy;
pub mod event;
pub mod ids;
pub mod interval;
pub mod merge;
pub mod policy;
pub mod recurrence;
pub mod seats;
pub mod states;
pub mod time;
