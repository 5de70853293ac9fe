//! Requests and replies on fixtures, and decisions on scripted servers.

mod reading;
mod replies;
mod writing;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use serde_json::json;

use super::{Caldav, Login};
use crate::{
    connector::{CalendarRef, Known, Versions},
    error::Result,
    transport::{Cut, Service, Settings, Transport},
};

/// The parsed file of `fixtures/caldav`.
macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../../fixtures/caldav/", $name))
    };
}
use fixture;

/// Answers from a list, in order, and keeps `METHOD path if-header` of what was asked.
#[derive(Debug, Default)]
struct Server {
    answers: Mutex<VecDeque<Response<Bytes>>>,
    asked: Mutex<Vec<Request<Bytes>>>,
}

#[async_trait]
impl Service for Server {
    async fn call(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Cut> {
        self.asked.lock().unwrap().push(request);
        self.answers.lock().unwrap().pop_front().ok_or(Cut::Refused)
    }
}

impl Server {
    fn new(answers: impl IntoIterator<Item = Response<Bytes>>) -> Arc<Self> {
        let answers = Mutex::new(answers.into_iter().collect());
        Arc::new(Self { answers, asked: Mutex::default() })
    }

    fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        let line = |request: &Request<Bytes>| {
            let condition = ["if-match", "if-none-match"].iter().find_map(|name| {
                Some(format!(" {name}: {}", request.headers().get(*name)?.to_str().unwrap()))
            });
            format!(
                "{} {}{}",
                request.method(),
                request.uri().path(),
                condition.unwrap_or_default()
            )
        };
        asked.iter().map(line).collect()
    }
}

fn reply(status: u16, body: impl Into<Bytes>) -> Response<Bytes> {
    Response::builder().status(status).body(body.into()).unwrap()
}

fn with(mut reply: Response<Bytes>, name: &'static str, value: &str) -> Response<Bytes> {
    reply.headers_mut().insert(name, value.parse().unwrap());
    reply
}

/// A connector that has discovered its places already.
fn connected(server: &Arc<Server>, capabilities: &serde_json::Value) -> Caldav {
    let transport = Transport::in_process(Arc::clone(server) as _, Settings::default());
    let learned = json!({
        "from": "https://cal.example/dav/",
        "places": {
            "base": "https://cal.example/dav/",
            "principal": null,
            "homes": ["https://cal.example/dav/"],
            "own_addresses": ["anna@example.org"],
        },
        "capabilities": capabilities,
    });
    let login = Login::with_password("https://cal.example/dav/", "anna", "word".into());
    Caldav::connect(transport, login, learned).unwrap()
}

fn calendar() -> CalendarRef {
    CalendarRef::new("/dav/cal/")
}

#[derive(Debug, Default)]
struct Stored(Versions);

#[async_trait]
impl Known for Stored {
    async fn versions(&self) -> Result<Versions> {
        Ok(self.0.clone())
    }
}

/// A multistatus of members with ETags, with a token at the end.
fn listing(members: &[(&str, &str)], token: Option<&str>) -> String {
    let rows: String = members
        .iter()
        .map(|(href, etag)| {
            format!("<d:response><d:href>{href}</d:href><d:propstat><d:prop><d:getetag>{etag}</d:getetag></d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>")
        })
        .collect();
    let token = token.map(|token| format!("<d:sync-token>{token}</d:sync-token>"));
    format!("<d:multistatus xmlns:d=\"DAV:\">{rows}{}</d:multistatus>", token.unwrap_or_default())
}

fn event(uid: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20270101T000000Z\r\nDTSTART:20270308T090000Z\r\nDTEND:20270308T100000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

fn multiget(members: &[(&str, &str, &str)]) -> String {
    let rows: String = members
        .iter()
        .map(|(href, etag, uid)| {
            format!("<d:response><d:href>{href}</d:href><d:propstat><d:prop><d:getetag>{etag}</d:getetag><c:calendar-data>{}</c:calendar-data></d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>", event(uid))
        })
        .collect();
    format!(
        "<d:multistatus xmlns:d=\"DAV:\" xmlns:c=\"urn:ietf:params:xml:ns:caldav\">{rows}</d:multistatus>"
    )
}
