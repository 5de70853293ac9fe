//! calhub reads people's calendars, keeps one trustworthy answer to "when is this person busy?", and serves it.
//!
//! Start with `ARCHITECTURE.md`. The arrows between these modules go one way: `cli` is a client of `http`;
//! `serve` runs `http` and `queue`; those call `booking`, `link`, `sync`, `push`, `changes` and `index`; those call `store`,
//! and all of them speak `model`.

pub mod audit;
pub mod booking;
pub mod changes;
pub mod cli;
pub mod clock;
pub mod config;
pub mod drill;
pub mod http;
pub mod hub;
pub mod index;
pub mod link;
pub mod model;
pub mod push;
pub mod queue;
pub mod secrets;
pub mod serve;
pub mod store;
pub mod sync;
pub mod telemetry;
