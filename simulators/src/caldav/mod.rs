//! The CalDAV front: finds what a request is about, checks who asks, and passes it on by method.

mod auth;
mod object;
mod place;
mod properties;
mod propfind;
mod put;
mod reply;
mod report;
mod schedule;
pub(crate) mod xml;

use bytes::Bytes;
use http::{Method, Request};
use jiff::Timestamp;

pub(crate) use auth::claimed_user;
pub(crate) use place::{Place, Target};

use crate::{
    profile::Profile,
    reply::Reply,
    state::{AccountState, CalendarState, State},
};

/// What row faults ask of a multistatus.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shape {
    pub(crate) is_doubled: bool,
    pub(crate) is_reversed: bool,
    pub(crate) is_empty: bool,
    pub(crate) is_halved: bool,
}

impl Shape {
    pub(crate) fn rows<T: Clone>(self, rows: &mut Vec<T>) {
        if self.is_empty {
            rows.clear();
        }
        if self.is_halved {
            let mut at = 0;
            rows.retain(|_| {
                at += 1;
                at % 2 == 1
            });
        }
        if self.is_doubled {
            *rows = rows.drain(..).flat_map(|row| [row.clone(), row]).collect();
        }
        if self.is_reversed {
            rows.reverse();
        }
    }
}

/// One request on its way through the front.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) now: Timestamp,
    /// `scheme://host` as the client named it.
    pub(crate) origin: String,
    pub(crate) request: &'a Request<Bytes>,
    pub(crate) shape: Shape,
    /// The account that the request is about; empty before the login is checked.
    pub(crate) user: String,
}

impl Call<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.request.headers().get(name).and_then(|value| value.to_str().ok())
    }

    fn profile(&self) -> Profile {
        self.account().map(|account| account.profile().clone()).unwrap_or_default()
    }

    fn account(&self) -> Option<&AccountState> {
        self.state.accounts.get(&self.user)
    }

    fn calendar(&self, name: &str) -> Option<&CalendarState> {
        self.account().and_then(|account| account.calendars.get(name))
    }

    fn calendar_mut(&mut self, name: &str) -> Option<&mut CalendarState> {
        self.state.accounts.get_mut(&self.user).and_then(|account| account.calendars.get_mut(name))
    }
}

/// Answers a CalDAV request.
pub(crate) fn answer(call: &mut Call<'_>) -> Reply {
    let path = call.request.uri().path().to_owned();
    if path == "/.well-known/caldav" {
        return auth::well_known(call);
    }
    let place = Place::of(&path);
    let mut reply = match auth::check(call, place.user.as_deref()) {
        Ok(user) => {
            call.user = user;
            served(call, &place)
        }
        Err(refusal) => *refusal,
    };
    reply::sign(&mut reply, &call.profile());
    reply
}

fn served(call: &mut Call<'_>, place: &Place) -> Reply {
    if let Some(status) =
        place.target.calendar().and_then(|name| call.calendar(name)).and_then(|c| c.gone)
    {
        return reply::status(status);
    }
    match (call.request.method(), &place.target) {
        (&Method::OPTIONS, _) => reply::options(),
        (method, _) if method == "PROPFIND" => propfind::answer(call, place),
        (method, Target::Collection(name)) if method == "REPORT" => report::answer(call, name),
        (method, Target::Collection(name)) if method == "MKCALENDAR" => {
            put::make_calendar(call, name)
        }
        (&Method::GET | &Method::HEAD, Target::Object(calendar, name)) => {
            object::get(call, calendar, name)
        }
        (&Method::PUT, Target::Object(calendar, name)) => put::answer(call, calendar, name),
        (&Method::DELETE, Target::Object(calendar, name)) => object::delete(call, calendar, name),
        (
            &Method::GET,
            Target::Context | Target::Account | Target::Home(_) | Target::Collection(_),
        ) => reply::text(200, "This is a CalDAV server."),
        (_, Target::Nowhere) => reply::status(404),
        _ => reply::status(405),
    }
}
