//! Calendar providers as programs: Google, Microsoft, CalDAV dialects and feeds over HTTP, with faults on demand.
//!
//! A [`World`] holds the truth. Tests build it, act in it as the person in the vendor's own program, call it in
//! process ([`World::call`]) or over sockets ([`serve()`]), and read its request log. The crate shares no code with the
//! connectors, so that it can bear witness against them.
//!
//! ```
//! use simulators::{AccountSpec, Act, CalendarSpec, Fault, Profile, World};
//!
//! let world = World::new("2027-03-01T08:00:00Z".parse()?);
//! let radicale = Profile::named("radicale").ok_or("no such profile")?;
//! let anna = world.add_account(AccountSpec::new("anna", "secret").profile(radicale));
//! let work = anna.add_calendar(CalendarSpec::new("work"));
//! work.put("lunch.ics", "BEGIN:VCALENDAR\r\n...");
//! world.fault(Fault::new(Act::DropAfterApply).account("anna").method("PUT").once());
//! work.expire_cursors();
//! assert_eq!(world.count(|entry| entry.method == "REPORT"), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A server's habits are a [`Profile`]: values that the front reads, never a name it asks for. What goes wrong on
//! demand is a [`Fault`]; what a seed file may say is in [`seed`]; the routes of the control API are told at `/_sim/`.

mod account;
mod caldav;
mod call;
mod control;
mod dialects;
mod effect;
mod fault;
mod feed;
pub mod google;
mod ics;
mod log;
pub mod microsoft;
mod oauth;
mod page;
mod post;
pub mod profile;
mod query;
mod quota;
mod reply;
mod rule;
pub mod seed;
mod serve;
mod shape;
mod span;
mod spec;
mod state;
mod world;

pub use crate::{
    account::{Account, Calendar},
    call::{Cut, Delivery, Waited},
    fault::{Act, Calls, Fault, Spoiling, Turn},
    feed::{Content, Feed, FeedKnobs, FeedSpec, Gzip, Validators, giant_event, large_feed, nested},
    google::{
        GoogleAccount, GoogleAccountSpec, GoogleCalendar, GoogleCalendarSpec, GoogleClientSpec,
        GoogleKnobs, Notification, Publishing, Refusal, Role, Throttling,
    },
    log::{Entry, Mail, Violation},
    microsoft::{
        MicrosoftAccount, MicrosoftAccountSpec, MicrosoftCalendar, MicrosoftCalendarSpec,
        MicrosoftClientSpec, MicrosoftKnobs, MicrosoftNotification, Subscription,
    },
    post::Receiver,
    profile::Profile,
    seed::{BadSeed, Seed},
    serve::serve,
    spec::{Access, AccountSpec, CalendarSpec, Kind, Resource},
    world::{Clock, Sleeper, World},
};
