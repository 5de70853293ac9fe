//! `calhub doctor`: what is in force, what is wrong, and what to do about it.
//!
//! Every check looks and changes nothing. Without a running hub the machine's side is checked all the same.

mod calendars;
mod check;
mod classes;
mod connections;
mod database;
mod disk;
mod files;
mod google;
mod hub;
mod machine;
mod reach;
mod run;

pub(crate) use run::Doctor;
