//! Calendar providers as programs: CalDAV dialects and feeds over HTTP, with faults on demand.
//!
//! A [`World`] holds the truth. Tests build it, act in it as the person in the vendor's own program, call it in
//! process ([`World::call`]) or over sockets ([`serve()`]), and read its request log. The crate shares no code with the
//! connectors, so that it can bear witness against them.

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
mod serve;
mod span;
mod state;
mod world;

pub(crate) use caldav::reply_with as caldav_reply;

pub use crate::{
    call::{Cut, Delivery},
    fault::{Act, Calls, Fault, Turn},
    feed::{Content, Feed, FeedKnobs, FeedSpec, Gzip, Validators, giant_event, large_feed, nested},
    log::{Entry, Mail},
    profile::Profile,
    serve::serve,
    world::{
        Access, Account, AccountSpec, Calendar, CalendarSpec, Clock, Kind, Resource, Sleeper, World,
    },
};
