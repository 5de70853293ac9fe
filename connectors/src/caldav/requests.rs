//! Builds every request and knows nothing of sending.

use std::fmt::Write;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header, request::Builder};
use jiff::{Timestamp, tz::TimeZone};
use url::Url;

use crate::{
    connector::Window,
    error::{Kind, Result},
};

const NAMESPACES: &str = r#"xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:S="http://calendarserver.org/ns/""#;

/// How deep a PROPFIND looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    Itself,
    Members,
}

/// The properties asked for at each step.
pub(super) mod properties {
    pub(in crate::caldav) const CONTEXT: &[&str] =
        &["D:current-user-principal", "D:principal-URL", "D:resourcetype", "C:calendar-home-set"];
    pub(in crate::caldav) const PRINCIPAL: &[&str] =
        &["C:calendar-home-set", "C:calendar-user-address-set", "D:displayname", "D:resourcetype"];
    pub(in crate::caldav) const CALENDAR: &[&str] = &[
        "D:resourcetype",
        "D:displayname",
        "D:current-user-privilege-set",
        "D:supported-report-set",
        "D:sync-token",
        "S:getctag",
        "C:supported-calendar-component-set",
        "C:calendar-timezone",
        "C:calendar-timezone-id",
        "C:schedule-calendar-transp",
    ];
    pub(in crate::caldav) const STATE: &[&str] = &["D:resourcetype", "S:getctag", "D:sync-token"];
    pub(in crate::caldav) const MEMBERS: &[&str] = &["D:resourcetype", "D:getetag"];
}

pub(super) fn propfind(url: &Url, depth: Depth, properties: &[&str]) -> Result<Request<Bytes>> {
    let mut body = String::from(r#"<?xml version="1.0" encoding="utf-8"?>"#);
    let _ = write!(body, "<D:propfind {NAMESPACES}><D:prop>");
    for property in properties {
        let _ = write!(body, "<{property}/>");
    }
    body.push_str("</D:prop></D:propfind>");
    xml(method(b"PROPFIND")?, url, depth, body)
}

/// A sync REPORT that asks for ETags only: bodies inside it are refused or slow on several servers. Never with a
/// limit: one server answers it with a final token and loses the rest.
pub(super) fn sync_collection(url: &Url, token: Option<&str>) -> Result<Request<Bytes>> {
    let token = escape(token.unwrap_or(""));
    let body = format!(
        r#"<?xml version="1.0" encoding="utf-8"?><D:sync-collection {NAMESPACES}><D:sync-token>{token}</D:sync-token><D:sync-level>1</D:sync-level><D:prop><D:getetag/></D:prop></D:sync-collection>"#
    );
    xml(method(b"REPORT")?, url, Depth::Itself, body)
}

pub(super) fn multiget(url: &Url, hrefs: &[String]) -> Result<Request<Bytes>> {
    let mut body = format!(
        r#"<?xml version="1.0" encoding="utf-8"?><C:calendar-multiget {NAMESPACES}><D:prop><D:getetag/><C:calendar-data/></D:prop>"#
    );
    for href in hrefs {
        let _ = write!(body, "<D:href>{}</D:href>", escape(href));
    }
    body.push_str("</C:calendar-multiget>");
    xml(method(b"REPORT")?, url, Depth::Members, body)
}

/// Asks for everything that touches a span; both bounds always, and a VEVENT filter: some servers fail without.
pub(super) fn calendar_query(url: &Url, span: Window) -> Result<Request<Bytes>> {
    let (start, end) = (utc(span.start), utc(span.end));
    let body = format!(
        r#"<?xml version="1.0" encoding="utf-8"?><C:calendar-query {NAMESPACES}><D:prop><D:getetag/><C:calendar-data/></D:prop><C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT"><C:time-range start="{start}" end="{end}"/></C:comp-filter></C:comp-filter></C:filter></C:calendar-query>"#
    );
    xml(method(b"REPORT")?, url, Depth::Members, body)
}

/// Asks where an UID lives; several servers do not answer it rightly, so it only ever adds a place to look.
pub(super) fn uid_query(url: &Url, uid: &str) -> Result<Request<Bytes>> {
    let uid = escape(uid);
    let body = format!(
        r#"<?xml version="1.0" encoding="utf-8"?><C:calendar-query {NAMESPACES}><D:prop><D:getetag/></D:prop><C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT"><C:prop-filter name="UID"><C:text-match collation="i;octet">{uid}</C:text-match></C:prop-filter></C:comp-filter></C:comp-filter></C:filter></C:calendar-query>"#
    );
    xml(method(b"REPORT")?, url, Depth::Members, body)
}

pub(super) fn get(url: &Url) -> Result<Request<Bytes>> {
    let builder = Request::builder()
        .method(Method::GET)
        .uri(url.as_str())
        .header(header::ACCEPT, "text/calendar, */*;q=0.1")
        .header(header::CACHE_CONTROL, "no-cache");
    finish(builder, Bytes::new())
}

/// What must hold for a write to happen.
#[derive(Clone, Copy, Debug)]
pub(super) enum Condition<'a> {
    /// Nothing is there.
    Absent,
    /// This version is there, spelled as it was received.
    Is(&'a str),
}

pub(super) fn put(url: &Url, condition: Condition<'_>, body: String) -> Result<Request<Bytes>> {
    let builder = Request::builder()
        .method(Method::PUT)
        .uri(url.as_str())
        .header(header::CONTENT_TYPE, "text/calendar; charset=utf-8");
    finish(conditional(builder, condition)?, Bytes::from(body))
}

pub(super) fn delete(url: &Url, condition: Condition<'_>) -> Result<Request<Bytes>> {
    let builder = Request::builder().method(Method::DELETE).uri(url.as_str());
    finish(conditional(builder, condition)?, Bytes::new())
}

fn conditional(builder: Builder, condition: Condition<'_>) -> Result<Builder> {
    Ok(match condition {
        Condition::Absent => builder.header(header::IF_NONE_MATCH, "*"),
        Condition::Is(version) => {
            let version = HeaderValue::from_str(version).map_err(|error| {
                Kind::VersionConflict.error("unusable version").caused_by(error)
            })?;
            builder.header(header::IF_MATCH, version)
        }
    })
}

fn xml(method: Method, url: &Url, depth: Depth, body: String) -> Result<Request<Bytes>> {
    let depth = match depth {
        Depth::Itself => "0",
        Depth::Members => "1",
    };
    let builder = Request::builder()
        .method(method)
        .uri(url.as_str())
        .header("Depth", depth)
        .header(header::CONTENT_TYPE, "application/xml; charset=utf-8")
        .header(header::ACCEPT, "application/xml, text/xml")
        .header(header::CACHE_CONTROL, "no-cache");
    finish(builder, Bytes::from(body))
}

fn method(name: &[u8]) -> Result<Method> {
    Method::from_bytes(name)
        .map_err(|error| Kind::Rejected.error("unusable method").caused_by(error))
}

fn finish(builder: Builder, body: Bytes) -> Result<Request<Bytes>> {
    builder
        .body(body)
        .map_err(|error| Kind::Rejected.error("the request cannot be built").caused_by(error))
}

/// Text for an XML element; what XML 1.0 cannot hold is left out.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            control if control < ' ' && !matches!(control, '\t' | '\n' | '\r') => {}
            other => escaped.push(other),
        }
    }
    escaped
}

/// `20270301T000000Z`.
fn utc(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string()
}
