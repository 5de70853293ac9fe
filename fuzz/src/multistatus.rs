//! A CalDAV server that answers whatever the fuzzer wrote, in order, to the real connector.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;
use connectors::{
    CalendarRef, Connector, Known, Next, Versions, Window,
    caldav::{Caldav, Login},
    transport::{Cut, Service, Settings, Transport},
};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use serde_json::json;

/// Between one answer and the next.
const CUT: &[u8] = b"\n%%\n";

#[derive(Debug)]
struct Server(Mutex<VecDeque<Response<Bytes>>>);

#[async_trait]
impl Service for Server {
    async fn call(&self, _: Request<Bytes>) -> Result<Response<Bytes>, Cut> {
        self.0.lock().unwrap().pop_front().ok_or(Cut::Refused)
    }
}

/// `STATUS Name: value|Name: value` on the first line, the body behind it; without such a line, a 207.
fn answer(text: &[u8]) -> Response<Bytes> {
    let read = || {
        let end = text.iter().position(|byte| *byte == b'\n')?;
        let (head, body) = text.split_at(end);
        let head = std::str::from_utf8(head).ok()?;
        let (status, headers) = head.split_once(' ').unwrap_or((head, ""));
        let status = StatusCode::from_u16(status.parse().ok()?).ok()?;
        let mut answer = Response::new(Bytes::copy_from_slice(&body[1..]));
        *answer.status_mut() = status;
        for header in headers.split('|') {
            let (name, value) = header.split_once(':').unwrap_or((header, ""));
            let name = HeaderName::from_bytes(name.trim().as_bytes());
            let value = HeaderValue::from_str(value.trim());
            if let (Ok(name), Ok(value)) = (name, value) {
                answer.headers_mut().append(name, value);
            }
        }
        Some(answer)
    };
    read().unwrap_or_else(|| {
        let mut answer = Response::new(Bytes::copy_from_slice(text));
        *answer.status_mut() = StatusCode::MULTI_STATUS;
        answer
    })
}

#[derive(Debug)]
struct Nothing;

#[async_trait]
impl Known for Nothing {
    async fn versions(&self) -> connectors::Result<Versions> {
        let version = Some(connectors::Version::new("\"1\""));
        Ok([(connectors::ItemRef::new("/dav/cal/a.ics"), version)].into())
    }
}

fn split(data: &[u8]) -> VecDeque<Response<Bytes>> {
    let mut answers = VecDeque::new();
    let mut rest = data;
    while answers.len() < 24 {
        match rest.windows(CUT.len()).position(|here| here == CUT) {
            Some(at) => {
                answers.push_back(answer(&rest[..at]));
                rest = &rest[at + CUT.len()..];
            }
            None => {
                answers.push_back(answer(rest));
                break;
            }
        }
    }
    answers
}

/// The first byte says what is asked: discovery, or a pull of a calendar that is known, with or without a cursor.
pub fn multistatus(data: &[u8]) {
    let Some((what, rest)) = data.split_first() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let service = Arc::new(Server(Mutex::new(split(rest))));
    let transport = Transport::in_process(service, Settings::default());
    let learned = json!({
        "from": "https://cal.example/dav/",
        "places": {
            "base": "https://cal.example/dav/",
            "principal": null,
            "homes": ["https://cal.example/dav/"],
            "own_addresses": ["anna@example.org"],
        },
        "capabilities": { "multiget": (what & 8 == 0), "sync_collection": (what & 16 == 0) },
    });
    let learned = if what & 1 == 0 { learned } else { serde_json::Value::Null };
    let login = Login::with_password("https://cal.example/dav/", "anna", "word".into());
    let Ok(connector) = Caldav::connect(transport, login, learned) else { return };
    let at = |text: &str| text.parse().unwrap();
    let window = Window { start: at("2027-03-01T00:00:00Z"), end: at("2027-04-01T00:00:00Z") };
    let calendar = CalendarRef::new("/dav/cal/");
    runtime.block_on(async {
        if what & 1 == 1 {
            let _ = connector.account().await;
            let _ = connector.list_calendars().await;
        }
        let mut cursor = None;
        for _ in 0..4 {
            match connector.pull(&calendar, window, cursor.as_ref(), &Nothing).await {
                Ok(page) => match page.next {
                    Next::More(next) | Next::Resume(Some(next)) => cursor = Some(next),
                    Next::Resume(None) => cursor = None,
                },
                Err(_) => break,
            }
        }
        if what & 2 == 2 {
            let _ = connector.read_span(&calendar, window).await;
        }
    });
    let _ = connector.learned();
}
