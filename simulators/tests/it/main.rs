//! The simulators as a client sees them. Nothing here opens a socket or waits, but for `sockets`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, unreachable_pub)]

mod caldav;
mod client;
mod control;
mod dialects;
mod faults;
mod feeds;
mod google;
mod logins;
mod microsoft;
mod python;
mod reports;
mod sockets;
