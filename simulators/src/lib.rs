//! Calendar providers as programs: CalDAV dialects and feeds over HTTP, with faults on demand.
//!
//! A [`World`] holds the truth. Tests build it, act in it as the person in the vendor's own program, call it in
//! process ([`World::call`]) or over sockets ([`serve()`]), and read its request log. The crate shares no code with the
//! connectors, so that it can bear witness against them.

mod account;
mod caldav;
mod call;
mod control;
mod dialects;
mod fault;
mod feed;
mod ics;
mod log;
mod page;
pub mod profile;
mod reply;
pub mod seed;
mod serve;
mod span;
mod spec;
mod state;
mod world;

pub use crate::{
    account::{Account, Calendar},
    call::{Cut, Delivery},
    fault::{Act, Calls, Fault, Turn},
    feed::{Content, Feed, FeedKnobs, FeedSpec, Gzip, Validators, giant_event, large_feed, nested},
    log::{Entry, Mail},
    profile::Profile,
    seed::{BadSeed, Seed},
    serve::serve,
    spec::{Access, AccountSpec, CalendarSpec, Kind, Resource},
    world::{Clock, Sleeper, World},
};
