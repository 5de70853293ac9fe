//! Several real hubs, as processes, on one real PostgreSQL: killed, frozen, cut off, left without a database.
//!
//! Leases and heartbeats run ten times faster here (`hurry=10`); `scripts/several-hubs` runs everything at the
//! real pace as well, and more often.

mod cell;
mod clocks;
mod crowds;
mod index;
mod leases;
mod outages;
mod pacing;
mod refusals;
pub mod site;
