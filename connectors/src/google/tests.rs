//! Replies as fixtures, and decisions on scripted answers.

mod channels;
mod reading;
mod refusals;
mod requests;
mod sizes;
mod writing;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{Access, Google, Settings};
use crate::{
    connector::{CalendarRef, Known, Versions, Window},
    error::{Kind, Result},
    oauth::Tokens,
    transport::{self, Cut, Service, Transport},
};

/// A file of `fixtures/google`.
macro_rules! fixture {
    ($($name:tt)+) => {
        include_bytes!(concat!("../../../../fixtures/google/", $($name)+)).as_slice()
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

    /// `METHOD path if-match`, below the calendar's events where it is there.
    fn asked(&self) -> Vec<String> {
        let line = |request: &Request<Bytes>| {
            let path = request.uri().path().trim_start_matches("/calendar/v3/");
            let path = path.replace("calendars/ana%40example.com/events", "");
            let condition = request.headers().get("if-match").map(|it| it.to_str().unwrap());
            let line = format!("{} {path} {}", request.method(), condition.unwrap_or_default());
            line.trim_end().to_owned()
        };
        self.take().iter().map(line).collect()
    }
}

/// Gives `good-0`, and the next one whenever one is refused, as long as there are some.
#[derive(Debug)]
struct Given {
    left: Mutex<u32>,
}

#[async_trait]
impl Tokens for Given {
    async fn access_token(&self) -> Result<SecretString> {
        Ok("good-0".into())
    }

    async fn instead_of(&self, refused: &SecretString) -> Result<SecretString> {
        assert_eq!(refused.expose_secret(), "good-0");
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

fn with(mut reply: Response<Bytes>, name: &'static str, value: &str) -> Response<Bytes> {
    reply.headers_mut().insert(name, value.parse().unwrap());
    reply
}

fn connected(server: &Arc<Server>) -> Google {
    connected_with(server, Access::ReadWrite)
}

fn connected_with(server: &Arc<Server>, access: Access) -> Google {
    let transport = Transport::in_process(Arc::clone(server) as _, transport::Settings::default());
    let tokens = Arc::new(Given { left: Mutex::new(1) });
    Google::new(transport, Settings::default(), tokens, access, Value::Null).unwrap()
}

fn calendar() -> CalendarRef {
    CalendarRef::new("ana@example.com")
}

fn window() -> Window {
    let at = |text: &str| text.parse().unwrap();
    Window { start: at("2027-03-01T00:00:00Z"), end: at("2027-04-01T00:00:00Z") }
}

/// A page of events with what follows it.
fn page(items: &Value, next: &str, token: &str) -> Response<Bytes> {
    let page = json!({
        "kind": "calendar#events", "timeZone": "Europe/Berlin", "accessRole": "owner", next: token,
        "items": items,
    });
    reply(200, page.to_string())
}

/// What the hub has, and how often it was asked.
#[derive(Debug, Default)]
struct Stored(Versions, Mutex<u32>);

#[async_trait]
impl Known for Stored {
    async fn versions(&self) -> Result<Versions> {
        *self.1.lock().unwrap() += 1;
        Ok(self.0.clone())
    }
}

fn query(request: &Request<Bytes>) -> Vec<(String, String)> {
    let query = request.uri().query().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

fn asks(request: &Request<Bytes>, name: &str) -> Option<String> {
    query(request).into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

fn sent(request: &Request<Bytes>) -> Value {
    serde_json::from_slice(request.body()).unwrap()
}
