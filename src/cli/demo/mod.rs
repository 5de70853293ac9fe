//! `calhub demo`: a hub with simulated calendars in the same process, linked through the real flows.

mod booking;
mod cast;
mod google;
mod run;
mod story;
mod visitor;
mod week;

pub(crate) use run::Demo;
