//! Requests, built without sending any. Everything here is valid by Graph's published CSDL.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Uri, header};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use url::Url;

use super::mark::{GUESTS, MARK};
use crate::{
    connector::{CalendarRef, Window},
    error::{Kind, Result},
    event::{ItemRef, Version},
};

/// What every request prefers: times in UTC, ids that outlive a move, texts without mark-up, and pages of a size that
/// bodies do not blow up. The links of a round do not remember any of it.
const PREFER: &str = "outlook.timezone=\"UTC\", IdType=\"ImmutableId\", outlook.body-content-type=\"text\", odata.maxpagesize=100";
/// Rows of one page where the request says so itself.
const PAGE: &str = "200";
/// What is asked of an occurrence: when it is, and nothing of what it is about.
const FIELDS: &str = "id,type,seriesMasterId,iCalUId,transactionId,start,end,originalStart,isAllDay,isCancelled,isOrganizer,showAs,responseStatus,lastModifiedDateTime";
/// What makes an event ours.
const MARKED: &str = "singleValueExtendedProperties($filter=id eq 'String {00020329-0000-0000-C000-000000000046} Name calhub')";

/// Letters that need no escape in a path or a query.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// How an event is sought when its id is not known.
#[derive(Clone, Copy, Debug)]
pub(super) enum By<'a> {
    /// What the extended property says.
    Mark(&'a str),
    Uid(&'a str),
}

/// Where the API is.
#[derive(Clone, Debug)]
pub(super) struct Api {
    base: Url,
    pub(super) host: String,
}

impl Api {
    /// # Errors
    ///
    /// [`Kind::Rejected`] when the address cannot be one.
    pub(super) fn at(address: &Url) -> Result<Self> {
        let host = address.host_str().filter(|_| address.scheme().starts_with("http"));
        let host = host.ok_or_else(|| Kind::Rejected.error("this is no address of an API"))?;
        let host = host.to_owned();
        let mut base = address.clone();
        base.set_query(None);
        base.set_fragment(None);
        base.set_path(&format!("{}/v1.0", address.path().trim_end_matches('/')));
        Ok(Self { base, host })
    }

    /// Builds a request; every part of the path is escaped.
    fn request(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Request<Bytes>> {
        let mut text = self.base.as_str().to_owned();
        for part in path {
            text.push('/');
            text.extend(utf8_percent_encode(part, PLAIN));
        }
        for (n, (name, value)) in query.iter().enumerate() {
            text.push(if n == 0 { '?' } else { '&' });
            text.push_str(name);
            text.push('=');
            text.extend(utf8_percent_encode(value, PLAIN));
        }
        let mut request = prefers(method, &text)?;
        if let Some(body) = body {
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(header::CONTENT_TYPE, json);
            *request.body_mut() = Bytes::from(body.to_string());
        }
        Ok(request)
    }

    /// The first page of a round over everything within a window.
    pub(super) fn round(&self, calendar: &CalendarRef, window: Window) -> Result<Request<Bytes>> {
        let [me, calendars, calendar] = calendar_of(calendar)?;
        let path = [me, calendars, calendar, "calendarView", "delta"];
        let (from, until) = (instant(window.start), instant(window.end));
        let query = [("startDateTime", from.as_str()), ("endDateTime", until.as_str())];
        self.request(Method::GET, &path, &query, None)
    }

    /// Where a link leads, letter by letter as it came. It holds all that is asked.
    ///
    /// # Errors
    ///
    /// [`Kind::BadReply`] when it leads anywhere else than to this API: it would be told the token.
    pub(super) fn follow(&self, link: &str) -> Result<Request<Bytes>> {
        let target = Url::parse(link).ok();
        let is_here = target.is_some_and(|target| {
            target.origin() == self.base.origin()
                && target.path().starts_with(&format!("{}/", self.base.path()))
                && target.username().is_empty()
                && target.password().is_none()
        });
        if !is_here {
            return Err(Kind::BadReply.error("a link leads to another host"));
        }
        prefers(Method::GET, link)
    }

    /// What takes place within a span, every occurrence by itself.
    pub(super) fn occurrences(
        &self,
        calendar: &CalendarRef,
        span: Window,
    ) -> Result<Request<Bytes>> {
        let [me, calendars, calendar] = calendar_of(calendar)?;
        let path = [me, calendars, calendar, "calendarView"];
        let (from, until) = (instant(span.start), rounded_up(span.end));
        let query = [
            ("startDateTime", from.as_str()),
            ("endDateTime", until.as_str()),
            ("$select", FIELDS),
            ("$top", PAGE),
        ];
        self.request(Method::GET, &path, &query, None)
    }

    /// The occurrences of one series within a span.
    pub(super) fn instances(&self, series: &str, span: Window) -> Result<Request<Bytes>> {
        let [me, events, series] = event_of(series)?;
        let (from, until) = (instant(span.start), rounded_up(span.end));
        let query = [
            ("startDateTime", from.as_str()),
            ("endDateTime", until.as_str()),
            ("$select", FIELDS),
            ("$top", PAGE),
        ];
        self.request(Method::GET, &[me, events, series, "instances"], &query, None)
    }

    /// The few events with a mark or a UID.
    pub(super) fn search(&self, calendar: &CalendarRef, by: By<'_>) -> Result<Request<Bytes>> {
        let filter = match by {
            By::Mark(text) => format!(
                "singleValueExtendedProperties/Any(ep: ep/id eq '{MARK}' and ep/value eq '{}')",
                quoted(text)
            ),
            By::Uid(uid) => format!("iCalUId eq '{}'", quoted(uid)),
        };
        let [me, calendars, calendar] = calendar_of(calendar)?;
        let query = [("$filter", filter.as_str()), ("$expand", MARKED), ("$top", "50")];
        self.request(Method::GET, &[me, calendars, calendar, "events"], &query, None)
    }

    /// An event with what makes it ours.
    pub(super) fn event(&self, calendar: &CalendarRef, item: &ItemRef) -> Result<Request<Bytes>> {
        self.request(Method::GET, &event_in(calendar, item)?, &[("$expand", MARKED)], None)
    }

    /// What the occurrences of a series leave to it.
    pub(super) fn master(&self, series: &str) -> Result<Request<Bytes>> {
        self.request(Method::GET, &event_of(series)?, &[("$select", FIELDS)], None)
    }

    /// Whom an event invites, and whom of them we have.
    pub(super) fn people(&self, calendar: &CalendarRef, item: &ItemRef) -> Result<Request<Bytes>> {
        let marked = format!("singleValueExtendedProperties($filter=id eq '{GUESTS}')");
        let query = [("$select", "id,attendees,isCancelled"), ("$expand", marked.as_str())];
        self.request(Method::GET, &event_in(calendar, item)?, &query, None)
    }

    pub(super) fn create(&self, calendar: &CalendarRef, event: &Value) -> Result<Request<Bytes>> {
        let [me, calendars, calendar] = calendar_of(calendar)?;
        self.request(Method::POST, &[me, calendars, calendar, "events"], &[], Some(event))
    }

    pub(super) fn update(
        &self,
        calendar: &CalendarRef,
        item: &ItemRef,
        expected: &Version,
        changes: &Value,
    ) -> Result<Request<Bytes>> {
        let path = event_in(calendar, item)?;
        with_condition(self.request(Method::PATCH, &path, &[], Some(changes))?, expected)
    }

    pub(super) fn delete(
        &self,
        calendar: &CalendarRef,
        item: &ItemRef,
        expected: &Version,
    ) -> Result<Request<Bytes>> {
        let path = event_in(calendar, item)?;
        with_condition(self.request(Method::DELETE, &path, &[], None)?, expected)
    }

    pub(super) fn calendars(&self) -> Result<Request<Bytes>> {
        let query = [("$select", "id,name,canEdit,owner"), ("$top", "100")];
        self.request(Method::GET, &["me", "calendars"], &query, None)
    }

    /// The account's own calendar.
    pub(super) fn primary(&self) -> Result<Request<Bytes>> {
        self.request(Method::GET, &["me", "calendar"], &[("$select", "id,name,owner")], None)
    }

    pub(super) fn calendar(&self, calendar: &CalendarRef) -> Result<Request<Bytes>> {
        let query = [("$select", "id,name,owner")];
        self.request(Method::GET, &calendar_of(calendar)?, &query, None)
    }

    pub(super) fn mailbox(&self) -> Result<Request<Bytes>> {
        let query = [("$select", "timeZone")];
        self.request(Method::GET, &["me", "mailboxSettings"], &query, None)
    }

    pub(super) fn subscribe(&self, subscription: &Value) -> Result<Request<Bytes>> {
        self.request(Method::POST, &["subscriptions"], &[], Some(subscription))
    }

    pub(super) fn subscriptions(&self) -> Result<Request<Bytes>> {
        self.request(Method::GET, &["subscriptions"], &[], None)
    }

    pub(super) fn prolong(&self, subscription: &str, changes: &Value) -> Result<Request<Bytes>> {
        let path = ["subscriptions", name_of(subscription).ok_or_else(no_subscription)?];
        self.request(Method::PATCH, &path, &[], Some(changes))
    }

    pub(super) fn unsubscribe(&self, subscription: &str) -> Result<Request<Bytes>> {
        let path = ["subscriptions", name_of(subscription).ok_or_else(no_subscription)?];
        self.request(Method::DELETE, &path, &[], None)
    }
}

fn prefers(method: Method, address: &str) -> Result<Request<Bytes>> {
    let mut request = Request::new(Bytes::new());
    *request.method_mut() = method;
    let no_address = |_| Kind::Rejected.error("the address cannot be used");
    *request.uri_mut() = address.parse::<Uri>().map_err(no_address)?;
    let headers = request.headers_mut();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert("prefer", HeaderValue::from_static(PREFER));
    Ok(request)
}

/// What a change is to be told of.
pub(super) fn resource_of(calendar: &CalendarRef) -> Result<String> {
    let [me, calendars, calendar] = calendar_of(calendar)?;
    let escaped = utf8_percent_encode(calendar, PLAIN);
    Ok(format!("{me}/{calendars}/{escaped}/events"))
}

fn calendar_of(calendar: &CalendarRef) -> Result<[&str; 3]> {
    let no_calendar = || Kind::CalendarGone.error("no calendar has this name");
    Ok(["me", "calendars", name_of(calendar.as_str()).ok_or_else(no_calendar)?])
}

/// An event where it is expected: one that was moved to another calendar is gone from this one.
fn event_in<'a>(calendar: &'a CalendarRef, item: &'a ItemRef) -> Result<[&'a str; 5]> {
    let [me, calendars, calendar] = calendar_of(calendar)?;
    let [_, events, event] = event_of(item.as_str())?;
    Ok([me, calendars, calendar, events, event])
}

fn event_of(event: &str) -> Result<[&str; 3]> {
    let no_event = || Kind::Gone.error("no event has this name");
    Ok(["me", "events", name_of(event).ok_or_else(no_event)?])
}

fn no_subscription() -> crate::Error {
    Kind::Gone.error("no subscription has this name")
}

/// A name that stays one part of a path: dots are its own, and escaping them does not help.
fn name_of(text: &str) -> Option<&str> {
    Some(text).filter(|text| !matches!(*text, "" | "." | ".."))
}

/// A text inside the quotes of a filter.
fn quoted(text: &str) -> String {
    text.replace('\'', "''")
}

/// The state that a write expects. The version of a series says more than its first word, which is its own.
fn with_condition(mut request: Request<Bytes>, expected: &Version) -> Result<Request<Bytes>> {
    let etag = expected.as_str().split(' ').next().unwrap_or_default();
    let value = HeaderValue::from_str(etag).ok().filter(|value| !value.is_empty());
    let value = value.ok_or_else(|| {
        Kind::VersionConflict.error("what is known of the event is no state of it")
    })?;
    request.headers_mut().insert(header::IF_MATCH, value);
    Ok(request)
}

/// An instant in whole seconds, none later.
fn instant(at: Timestamp) -> String {
    let second = at.as_second() - i64::from(at.subsec_nanosecond() < 0);
    text(second)
}

fn rounded_up(at: Timestamp) -> String {
    text(at.as_second() + i64::from(at.subsec_nanosecond() > 0))
}

fn text(second: i64) -> String {
    let at = Timestamp::from_second(second).unwrap_or_default();
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
