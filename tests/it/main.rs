//! The one integration-test binary. One module a part; `tests/support` starts hubs, servers and databases.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout,
    unreachable_pub,
    dead_code
)]
#![allow(clippy::disallowed_methods, reason = "tests may look at the environment and the clock")]

#[path = "../support/mod.rs"]
mod support;

mod api;
mod architecture;
mod audit;
mod booking;
mod cli;
mod conformance;
mod crash;
mod discovery;
mod disk_full;
mod doctor;
mod expand;
mod faults;
mod hostile;
mod hubs;
mod linking;
mod monitoring;
mod networks;
mod real_servers;
mod serving;
mod statements;
mod store;
mod sync;
mod tenancy;
