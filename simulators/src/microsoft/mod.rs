//! Microsoft: the identity platform with its consent pages, Graph v1.0 calendars, subscriptions.
//!
//! Written from the provider's documentation alone. What Graph takes and gives is checked against Microsoft's published
//! types ([`schema`]); what differs between days, tenants and reports is a knob ([`MicrosoftKnobs`]).

mod account;
mod admin;
mod batch;
mod calendar;
mod consent;
mod control;
mod cursor;
mod delta;
mod desk;
mod draft;
mod fault;
mod filter;
mod id;
mod item;
mod knobs;
mod limits;
mod list;
mod mailbox;
mod notice;
mod page;
mod path;
mod prefer;
mod refusal;
mod route;
mod schedule;
mod schema;
mod seed;
mod series;
mod spec;
mod state;
mod subscription;
mod token;
mod truth;
mod view;
mod when;
mod write;
mod zones;

pub use self::{
    account::{MicrosoftAccount, Peak},
    calendar::MicrosoftCalendar,
    knobs::{MicrosoftKnobs, OtherBody, ResetCode, SeriesRemoval},
    notice::MicrosoftNotification,
    refusal::Refusal,
    seed::{MicrosoftAccountSeed, MicrosoftCalendarSeed, MicrosoftSeed},
    spec::{MicrosoftAccountSpec, MicrosoftCalendarSpec, MicrosoftClientSpec},
    subscription::Subscription,
};
pub(crate) use self::{
    control::{ROUTES, route as control},
    fault::loggable,
    notice::send_all,
    page::section,
    path::{is_ours, method_of},
    route::{Around, answer},
    state::Microsoft,
    subscription::{Handshake, handshakes},
};

pub(crate) use crate::google::encoded;
