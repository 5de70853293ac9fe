//! The command line: one file a command. Commands talk HTTP to a hub, except those that work on their own.
//!
//! What is printed for a person is built by pure functions; what is printed for scripts is the hub's answer.

mod args;
mod audit;
mod backup;
mod bookings;
mod calendars;
mod channels;
mod client;
mod config;
mod connect;
mod connections;
mod demo;
mod doctor;
mod ending;
pub mod expand;
mod freebusy;
mod impact;
mod imports;
mod jobs;
mod keys;
mod migrate;
mod outbox;
mod pause;
mod problem;
mod provider_apps;
mod quarantine;
mod reconcile;
mod resources;
mod restore;
pub mod rrule;
mod run;
mod secrets;
mod serve;
mod session;
mod settings;
mod show;
mod sync;
mod tenants;
mod trace;
mod unexpandable;
mod when;
mod work;

pub use args::Cli;
pub use run::run;
