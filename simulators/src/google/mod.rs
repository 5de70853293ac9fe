//! Google: OAuth with its consent page, Calendar API v3, push channels.
//!
//! Written from the provider's documentation alone. What the API allows is checked against the published discovery
//! document ([`schema`]); what differs between days and reports is a knob ([`GoogleKnobs`]).

mod account;
mod batch;
mod calendar;
mod calendar_list;
mod calendars;
mod channel;
mod conference;
mod consent;
mod control;
mod cursor;
mod desk;
mod draft;
mod expand;
mod fault;
mod fields;
mod free_busy;
mod knobs;
mod list;
mod page;
mod person;
mod quota;
mod read;
mod refusal;
mod removal;
mod route;
mod schema;
mod seed;
mod series;
mod settings;
mod spec;
mod state;
mod token;
mod truth;
mod view;
mod when;

pub use self::{
    account::GoogleAccount,
    calendar::GoogleCalendar,
    channel::{Channel, Notification},
    knobs::{Conferencing, GoogleKnobs, Throttling},
    refusal::Refusal,
    seed::{GoogleAccountSeed, GoogleCalendarSeed, GoogleSeed, GrantSeed},
    spec::{GoogleAccountSpec, GoogleCalendarSpec, GoogleClientSpec, Publishing, Role},
};
pub(crate) use self::{
    control::{ROUTES, route as control},
    fault::loggable,
    page::section,
    route::{Around, answer, is_ours, method_of},
    seed::placed,
    state::Google,
};

/// Characters of an id that a path segment carries as they are.
const SEGMENT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'@');

pub(crate) fn encoded(id: &str) -> String {
    percent_encoding::utf8_percent_encode(id, SEGMENT).to_string()
}
