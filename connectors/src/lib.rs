//! Knows calendar providers and nothing of stores, queues or HTTP servers.
//!
//! A [`Connector`] speaks for one connection: it lists calendars, pulls pages of changes and reads one
//! span live. Everything it sends goes through [`transport`], the only sender. What it returns is still
//! in the provider's words ([`event`]); the hub's words begin in `calhub::sync::normalise`.

mod bearer;
pub mod caldav;
pub mod conformance;
pub mod connector;
mod draft;
pub mod error;
pub mod event;
pub mod google;
mod guests;
pub mod ical;
pub mod ics;
mod lenient;
pub mod microsoft;
pub mod oauth;
mod rfc3339;
pub mod transport;

pub use connector::{
    Account, CalendarRef, Change, Channels, Connector, Coverage, Cursor, Draft, Known, Next,
    OpenChannel, Page, RemoteCalendar, Traits, Versions, WantedChannel, Window, WriteKey, Writer,
    Written,
};
pub use error::{Effect, Error, Kind, Remedy, Result, RetryAfter, Throttle, Verb};
pub use event::{Item, ItemRef, RemoteEvent, Version};
