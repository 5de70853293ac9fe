//! Answers: plain statuses, refusals with a precondition body, and multistatus documents.

use bytes::Bytes;
use http::StatusCode;

use super::{
    Call, Reply, Shape,
    xml::{APPLE, CAL, CS, DAV, Element},
};
use crate::profile::{Profile, Refusal, Xml};
pub(super) use crate::reply::{body, redirect, set, status, text};

pub(super) fn options() -> Reply {
    let mut reply = status(200);
    set(&mut reply, "allow", "OPTIONS, GET, HEAD, PUT, DELETE, PROPFIND, REPORT, MKCALENDAR");
    reply
}

/// Adds what every answer of a server carries.
pub(super) fn sign(reply: &mut Reply, profile: &Profile) {
    for (name, value) in [("server", &profile.server), ("dav", &profile.dav)] {
        if !value.is_empty() {
            set(reply, name, value);
        }
    }
}

/// Refuses in the profile's way; `href` names the resource in the way, where the profile tells it.
pub(crate) fn refuse(refusal: &Refusal, style: &Xml, href: Option<&str>) -> Reply {
    let Some(precondition) = &refusal.precondition else {
        return text(refusal.status, &refusal.text);
    };
    let named = match precondition.split_once(':') {
        Some(("C", name)) => Element::new(CAL, name),
        Some(("CS", name)) => Element::new(CS, name),
        Some(("A", name)) => Element::new(APPLE, name),
        Some((_, name)) => Element::new(DAV, name),
        None => Element::new(DAV, precondition),
    };
    let href =
        href.filter(|_| refusal.with_href).map(|href| Element::new(DAV, "href").with_text(href));
    let error = Element::new(DAV, "error").with(named.with_all(href));
    xml(refusal.status, &error, style)
}

pub(crate) fn xml(status: u16, root: &Element, style: &Xml) -> Reply {
    body(status, &style.content_type, Bytes::from(root.render(style)))
}

/// One `DAV:response`.
#[derive(Clone, Debug)]
pub(crate) enum Row {
    Properties { href: String, found: Vec<Element>, missing: Vec<Element> },
    Status { href: String, status: u16, error: Option<Element> },
}

impl Row {
    fn element(self, style: &Xml) -> Element {
        let response = |href: &str| {
            Element::new(DAV, "response").with(Element::new(DAV, "href").with_text(href))
        };
        match self {
            Self::Properties { href, found, missing } => {
                let told = style.missing_told && !missing.is_empty();
                let found = (!found.is_empty() || !told).then(|| propstat(found, 200, style));
                response(&href)
                    .with_all(found)
                    .with_all(told.then(|| propstat(missing, 404, style)))
            }
            Self::Status { href, status, error } => {
                let error = error.map(|inner| Element::new(DAV, "error").with(inner));
                response(&href).with(status_line(status)).with_all(error)
            }
        }
    }
}

fn propstat(properties: Vec<Element>, status: u16, style: &Xml) -> Element {
    let (properties, status) =
        (Element::new(DAV, "prop").with_all(properties), status_line(status));
    let (first, second) =
        if style.status_first { (status, properties) } else { (properties, status) };
    Element::new(DAV, "propstat").with(first).with(second)
}

fn status_line(status: u16) -> Element {
    let reason =
        StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason()).unwrap_or("Unknown");
    Element::new(DAV, "status").with_text(format!("HTTP/1.1 {status} {reason}"))
}

/// A 207 with rows and, for a sync report, the token.
pub(crate) fn multistatus(call: &Call<'_>, rows: Vec<Row>, token: Option<String>) -> Reply {
    let style = call.profile().xml;
    let mut rows: Vec<Element> = rows.into_iter().map(|row| row.element(&style)).collect();
    if style.crowded {
        rows.extend(rows.first().cloned());
        let href = format!("{}unasked.ics", call.request.uri().path());
        rows.push(Row::Status { href, status: 404, error: None }.element(&style));
    }
    let token = token.map(|token| Element::new(DAV, "sync-token").with_text(token));
    let (first, last) = if style.token_first { (token, None) } else { (None, token) };
    let root = Element::new(DAV, "multistatus")
        .with_all(first)
        .with_all(shaped(rows, call.shape))
        .with_all(last);
    xml(207, &root, &style)
}

fn shaped(mut rows: Vec<Element>, shape: Shape) -> Vec<Element> {
    shape.rows(&mut rows);
    rows
}
