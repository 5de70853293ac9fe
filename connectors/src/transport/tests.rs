//! The guard's vectors, rebinding, redirects, limits and cut replies. The network backend is tested on
//! loopback sockets, the rest in-process.

mod guard;
mod limits;
mod network;
mod redirects;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};

use super::{Call, Cut, Service, Settings, Transport};
use crate::error::{Error, Result};

/// Answers from a list and keeps what it was asked.
#[derive(Debug, Default)]
struct Scripted {
    answers: Mutex<VecDeque<Result<Response<Bytes>, Cut>>>,
    asked: Mutex<Vec<Request<Bytes>>>,
}

#[async_trait]
impl Service for Scripted {
    async fn call(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Cut> {
        self.asked.lock().unwrap().push(request);
        self.answers.lock().unwrap().pop_front().unwrap_or(Err(Cut::Refused))
    }
}

impl Scripted {
    fn new(answers: impl IntoIterator<Item = Response<Bytes>>) -> Arc<Self> {
        let answers = Mutex::new(answers.into_iter().map(Ok).collect());
        Arc::new(Self { answers, asked: Mutex::default() })
    }

    fn hosts(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|request| request.uri().host().unwrap_or("").to_owned()).collect()
    }
}

fn reply(status: u16, headers: &[(&'static str, &str)], body: impl Into<Bytes>) -> Response<Bytes> {
    let mut reply = Response::builder().status(status);
    for (name, value) in headers {
        reply = reply.header(*name, *value);
    }
    reply.body(body.into()).unwrap()
}

fn ask(method: &str, url: &str) -> Request<Bytes> {
    Request::builder()
        .method(method)
        .uri(url)
        .header("authorization", "Basic c2VjcmV0OnNlY3JldA==")
        .body(Bytes::from_static(b"<asked/>"))
        .unwrap()
}

fn transport(service: &Arc<Scripted>) -> Transport {
    Transport::in_process(Arc::clone(service) as _, Settings::default())
}

fn call() -> Call {
    Call::new("caldav", "test")
}

/// The whole text of an error, with its causes.
fn text(error: &Error) -> String {
    let mut text = format!("{error} {error:?}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(" {cause} {cause:?}"));
        source = cause.source();
    }
    text
}
