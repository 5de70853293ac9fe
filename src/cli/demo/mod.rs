//! `calhub demo`: a hub with simulated calendars in the same process, linked through the real flows.

mod booking;
mod cast;
mod run;
mod story;
mod week;

pub(crate) use run::Demo;
