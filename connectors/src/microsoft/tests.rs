//! Replies as fixtures, and decisions on scripted answers.

mod channels;
mod reading;
mod refusals;
mod writing;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{Access, Microsoft, Settings};
use crate::{
    connector::{CalendarRef, Known, Versions, Window},
    error::{Kind, Result},
    event::{Item, RemoteTime},
    oauth::Tokens,
    transport::{self, Cut, Service, Transport},
};

/// A file of `fixtures/microsoft`.
macro_rules! fixture {
    ($($name:tt)+) => {
        include_bytes!(concat!("../../../../fixtures/microsoft/", $($name)+)).as_slice()
    };
}
use fixture;

/// Answers from a list, in order, and keeps what was asked.
#[derive(Debug, Default)]
struct Server {
    answers: Mutex<VecDeque<Response<Bytes>>>,
    asked: Mutex<Vec<Request<Bytes>>>,
}

#[async_trait]
impl Service for Server {
    async fn call(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Cut> {
        self.asked.lock().unwrap().push(request);
        self.answers.lock().unwrap().pop_front().ok_or(Cut::Dropped)
    }
}

impl Server {
    fn new(answers: impl IntoIterator<Item = Response<Bytes>>) -> Arc<Self> {
        let answers = Mutex::new(answers.into_iter().collect());
        Arc::new(Self { answers, asked: Mutex::default() })
    }

    fn take(&self) -> Vec<Request<Bytes>> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    /// `METHOD path if-match`, below the calendar where it is there.
    fn asked(&self) -> Vec<String> {
        let line = |request: &Request<Bytes>| {
            let path = request.uri().path().trim_start_matches("/v1.0/me/");
            let path = path.replace("calendars/AAA", "@");
            let condition = request.headers().get("if-match").map(|it| it.to_str().unwrap());
            let line = format!("{} {path} {}", request.method(), condition.unwrap_or_default());
            line.trim_end().to_owned()
        };
        self.take().iter().map(line).collect()
    }
}

#[derive(Debug)]
struct Given {
    left: Mutex<u8>,
}

#[async_trait]
impl Tokens for Given {
    async fn access_token(&self) -> Result<SecretString> {
        Ok("good-0".into())
    }

    async fn instead_of(&self, _refused: &SecretString) -> Result<SecretString> {
        let mut left = self.left.lock().unwrap();
        match left.checked_sub(1) {
            Some(less) => {
                *left = less;
                Ok("good-1".into())
            }
            None => Err(Kind::Unauthorized.error("the grant is dead")),
        }
    }
}

fn reply(status: u16, body: impl Into<Bytes>) -> Response<Bytes> {
    Response::builder().status(status).body(body.into()).unwrap()
}

fn connected(server: &Arc<Server>) -> Microsoft {
    connected_with(server, Access::ReadWrite)
}

fn connected_with(server: &Arc<Server>, access: Access) -> Microsoft {
    let transport = Transport::in_process(Arc::clone(server) as _, transport::Settings::default());
    let tokens = Arc::new(Given { left: Mutex::new(1) });
    Microsoft::new(transport, Settings::default(), tokens, access, Value::Null).unwrap()
}

fn calendar() -> CalendarRef {
    CalendarRef::new("AAA")
}

fn window() -> Window {
    let at = |text: &str| text.parse().unwrap();
    Window { start: at("2027-03-01T00:00:00Z"), end: at("2027-04-01T00:00:00Z") }
}

const API: &str = "https://graph.microsoft.com/v1.0/me";

/// A last page of a round.
fn round(rows: &Value) -> Response<Bytes> {
    let link = format!("{API}/calendars/AAA/calendarView/delta?$deltatoken=D2");
    reply(200, json!({ "@odata.deltaLink": link, "value": rows }).to_string())
}

fn listing(rows: &Value) -> Response<Bytes> {
    reply(200, json!({ "value": rows }).to_string())
}

/// What the hub has.
#[derive(Debug, Default)]
struct Stored(Versions);

#[async_trait]
impl Known for Stored {
    async fn versions(&self) -> Result<Versions> {
        Ok(self.0.clone())
    }
}

fn asks(request: &Request<Bytes>, name: &str) -> Option<String> {
    let query = request.uri().query().unwrap_or_default();
    let mut pairs = url::form_urlencoded::parse(query.as_bytes()).into_owned();
    pairs.find(|(key, _)| key == name).map(|(_, value)| value)
}

fn sent(request: &Request<Bytes>) -> Value {
    serde_json::from_slice(request.body()).unwrap()
}

fn utc(text: &str) -> RemoteTime {
    RemoteTime::Utc(text.parse().unwrap())
}

fn single(id: &str, changes: &Value) -> Value {
    let mut event = json!({
        "@odata.etag": "W/\"s1\"", "id": id, "type": "singleInstance", "showAs": "busy",
        "isAllDay": false, "isCancelled": false, "iCalUId": format!("uid-{id}"),
        "start": {"dateTime": "2027-03-08T09:00:00.0000000", "timeZone": "UTC"},
        "end": {"dateTime": "2027-03-08T10:00:00.0000000", "timeZone": "UTC"},
    });
    event.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    event
}

fn items(changes: Vec<crate::Change>) -> Vec<Item> {
    changes
        .into_iter()
        .filter_map(|change| match change {
            crate::Change::Present(item) => Some(item),
            crate::Change::Unchanged(_) | crate::Change::Gone(_) => None,
        })
        .collect()
}
