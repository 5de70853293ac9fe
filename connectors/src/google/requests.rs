//! Requests, built without sending any. Everything here is valid by Google's discovery document.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use url::Url;

use super::cursor::Place;
use crate::{
    connector::{CalendarRef, Window},
    error::{Kind, Result},
    event::{ItemRef, Version},
};

/// Calendars of one page.
const CALENDARS: &str = "250";
/// Only the account's own entry among the attendees is wanted.
const ATTENDEES: &str = "1";

/// What is asked of an event: when it is, and nothing of what it is about.
macro_rules! event_fields {
    () => {
        "id,etag,status,iCalUID,recurringEventId,originalStartTime,start,end,recurrence,transparency,eventType,\
         attendees(self,responseStatus),extendedProperties/private,sequence,updated"
    };
}
const EVENT: &str = event_fields!();
const EVENTS: &str =
    concat!("kind,timeZone,accessRole,nextPageToken,nextSyncToken,items(", event_fields!(), ")");
const ENTRIES: &str =
    "kind,nextPageToken,items(id,summary,summaryOverride,timeZone,accessRole,deleted)";
/// Whom an event invites, for whoever is about to invite others.
const PEOPLE: &str = "id,etag,status,attendeesOmitted,attendees,extendedProperties/private";

/// Letters that need no escape in a path.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Who is told of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mail {
    Nobody,
    Guests,
}

impl Mail {
    fn word(self) -> &'static str {
        match self {
            Mail::Nobody => "none",
            Mail::Guests => "all",
        }
    }
}

/// How an event is sought when its id does not lead to it.
#[derive(Clone, Copy, Debug)]
pub(super) enum By<'a> {
    Marker(&'a str),
    Uid(&'a str),
}

/// Where the API is.
#[derive(Clone, Debug)]
pub(super) struct Api {
    base: String,
    pub(super) host: String,
}

impl Api {
    /// # Errors
    ///
    /// [`Kind::Rejected`] when the address cannot be one.
    pub(super) fn at(address: &Url) -> Result<Self> {
        let host = address.host_str().filter(|_| address.scheme().starts_with("http"));
        let host = host.ok_or_else(|| Kind::Rejected.error("this is no address of an API"))?;
        let mut base = address.clone();
        base.set_query(None);
        base.set_fragment(None);
        let base = format!("{}/calendar/v3", base.as_str().trim_end_matches('/'));
        Ok(Self { base, host: host.to_owned() })
    }

    /// Builds a request; every part of the path is escaped.
    fn request(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Request<Bytes>> {
        let mut text = self.base.clone();
        for part in path {
            text.push('/');
            text.extend(utf8_percent_encode(part, PLAIN));
        }
        if !query.is_empty() {
            let mut pairs = url::form_urlencoded::Serializer::new(String::new());
            text.push('?');
            text.push_str(&pairs.extend_pairs(query).finish());
        }
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = method;
        *request.uri_mut() =
            text.parse().map_err(|_| Kind::Rejected.error("the address cannot be used"))?;
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        // Google compresses for those who say so twice.
        let agent = concat!("calhub/", env!("CARGO_PKG_VERSION"), " (gzip)");
        headers.insert(header::USER_AGENT, HeaderValue::from_static(agent));
        if let Some(body) = body {
            let json = HeaderValue::from_static("application/json; charset=utf-8");
            headers.insert(header::CONTENT_TYPE, json);
            *request.body_mut() = Bytes::from(body.to_string());
        }
        Ok(request)
    }

    /// One page of the round at `place`.
    pub(super) fn events(&self, calendar: &CalendarRef, place: &Place) -> Result<Request<Bytes>> {
        let most = place.most().to_string();
        let mut query = vec![
            ("singleEvents", "false"),
            ("maxResults", most.as_str()),
            ("maxAttendees", ATTENDEES),
            ("fields", EVENTS),
        ];
        query.extend(place.sync.as_deref().map(|token| ("syncToken", token)));
        query.extend(place.page.as_deref().map(|token| ("pageToken", token)));
        self.request(Method::GET, &events_of(calendar)?, &query, None)
    }

    /// One page, of at most so many, of what takes place within a span, every occurrence by itself.
    pub(super) fn occurrences(
        &self,
        calendar: &CalendarRef,
        span: Window,
        page: Option<&str>,
        most: u32,
    ) -> Result<Request<Bytes>> {
        let (from, until) = seconds(span);
        let most = most.to_string();
        let mut query = vec![
            ("singleEvents", "true"),
            ("maxResults", most.as_str()),
            ("maxAttendees", ATTENDEES),
            ("fields", EVENTS),
            ("timeMin", from.as_str()),
            ("timeMax", until.as_str()),
        ];
        query.extend(page.map(|token| ("pageToken", token)));
        self.request(Method::GET, &events_of(calendar)?, &query, None)
    }

    /// The few events with a marker or a UID.
    pub(super) fn search(
        &self,
        calendar: &CalendarRef,
        by: By<'_>,
        page: Option<&str>,
    ) -> Result<Request<Bytes>> {
        let marker;
        let sought = match by {
            By::Marker(text) => {
                marker = format!("calhub={text}");
                ("privateExtendedProperty", marker.as_str())
            }
            By::Uid(uid) => ("iCalUID", uid),
        };
        let mut query =
            vec![sought, ("maxResults", "50"), ("maxAttendees", ATTENDEES), ("fields", EVENTS)];
        query.extend(page.map(|token| ("pageToken", token)));
        self.request(Method::GET, &events_of(calendar)?, &query, None)
    }

    pub(super) fn event(&self, calendar: &CalendarRef, item: &ItemRef) -> Result<Request<Bytes>> {
        let query = [("maxAttendees", ATTENDEES), ("fields", EVENT)];
        self.request(Method::GET, &event_of(calendar, item)?, &query, None)
    }

    /// An event with everybody it invites.
    pub(super) fn people(&self, calendar: &CalendarRef, item: &ItemRef) -> Result<Request<Bytes>> {
        self.request(Method::GET, &event_of(calendar, item)?, &[("fields", PEOPLE)], None)
    }

    pub(super) fn insert(
        &self,
        calendar: &CalendarRef,
        event: &Value,
        mail: Mail,
    ) -> Result<Request<Bytes>> {
        let query = [("sendUpdates", mail.word()), ("fields", EVENT)];
        self.request(Method::POST, &events_of(calendar)?, &query, Some(event))
    }

    pub(super) fn patch(
        &self,
        calendar: &CalendarRef,
        item: &ItemRef,
        expected: &Version,
        changes: &Value,
        mail: Mail,
    ) -> Result<Request<Bytes>> {
        let query = [("sendUpdates", mail.word()), ("fields", EVENT)];
        let path = event_of(calendar, item)?;
        with_condition(self.request(Method::PATCH, &path, &query, Some(changes))?, expected)
    }

    pub(super) fn delete(
        &self,
        calendar: &CalendarRef,
        item: &ItemRef,
        expected: &Version,
        mail: Mail,
    ) -> Result<Request<Bytes>> {
        let query = [("sendUpdates", mail.word())];
        let path = event_of(calendar, item)?;
        with_condition(self.request(Method::DELETE, &path, &query, None)?, expected)
    }

    pub(super) fn calendars(&self, page: Option<&str>) -> Result<Request<Bytes>> {
        // Hiding a calendar does not free its time.
        let mut query =
            vec![("maxResults", CALENDARS), ("showHidden", "true"), ("fields", ENTRIES)];
        query.extend(page.map(|token| ("pageToken", token)));
        self.request(Method::GET, &["users", "me", "calendarList"], &query, None)
    }

    /// The entry of one calendar; `primary` is the account's own.
    pub(super) fn calendar(&self, calendar: &CalendarRef) -> Result<Request<Bytes>> {
        let name = name_of(calendar.as_str()).ok_or_else(no_calendar)?;
        let query = [("fields", "id,summary,accessRole,deleted")];
        self.request(Method::GET, &["users", "me", "calendarList", name], &query, None)
    }

    pub(super) fn watch(&self, calendar: &CalendarRef, channel: &Value) -> Result<Request<Bytes>> {
        let name = name_of(calendar.as_str()).ok_or_else(no_calendar)?;
        let path = ["calendars", name, "events", "watch"];
        let query = [("fields", "id,resourceId,expiration")];
        self.request(Method::POST, &path, &query, Some(channel))
    }

    pub(super) fn stop(&self, channel: &Value) -> Result<Request<Bytes>> {
        self.request(Method::POST, &["channels", "stop"], &[], Some(channel))
    }
}

fn events_of(calendar: &CalendarRef) -> Result<[&str; 3]> {
    Ok(["calendars", name_of(calendar.as_str()).ok_or_else(no_calendar)?, "events"])
}

fn event_of<'a>(calendar: &'a CalendarRef, item: &'a ItemRef) -> Result<[&'a str; 4]> {
    let [calendars, calendar, events] = events_of(calendar)?;
    let name = name_of(item.as_str()).ok_or_else(|| Kind::Gone.error("no event has this name"))?;
    Ok([calendars, calendar, events, name])
}

/// A name that stays one part of a path: dots are its own, and escaping them does not help.
fn name_of(text: &str) -> Option<&str> {
    Some(text).filter(|text| !matches!(*text, "" | "." | ".."))
}

fn no_calendar() -> crate::Error {
    Kind::CalendarGone.error("no calendar has this name")
}

fn with_condition(mut request: Request<Bytes>, expected: &Version) -> Result<Request<Bytes>> {
    let value = HeaderValue::from_str(expected.as_str()).ok().filter(|value| !value.is_empty());
    let value = value.ok_or_else(|| {
        Kind::VersionConflict.error("what is known of the event is no state of it")
    })?;
    request.headers_mut().insert(header::IF_MATCH, value);
    Ok(request)
}

/// The span in whole seconds, none shorter: Google ignores fractions.
fn seconds(span: Window) -> (String, String) {
    let text = |second: i64| {
        let at = jiff::Timestamp::from_second(second).unwrap_or_default();
        at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    };
    let from = span.start.as_second() - i64::from(span.start.subsec_nanosecond() < 0);
    let until = span.end.as_second() + i64::from(span.end.subsec_nanosecond() > 0);
    (text(from), text(until.max(from + 1)))
}
