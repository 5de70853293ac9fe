//! Asking, and comparing what was answered.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use axum::{
    body::Body,
    extract::ConnectInfo,
    http::{HeaderMap, Request},
};
use futures::StreamExt;
use tower::ServiceExt;

use super::operation::Operation;
use crate::tenancy::pair::Pair;

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Operation {
    pub(super) async fn send(&self, pair: &Pair, headers: &[(&str, &str)]) -> Answer {
        // Each from an address of its own: strangers are limited by theirs.
        static CALLERS: AtomicU32 = AtomicU32::new(0);
        let address = Ipv4Addr::from(0x0a00_0000 + CALLERS.fetch_add(1, Ordering::Relaxed));
        let mut uri = self.path.clone();
        for (n, (name, value)) in self.query.iter().enumerate() {
            uri.push(if n == 0 { '?' } else { '&' });
            uri.push_str(&format!("{name}={value}"));
        }
        let mut request = Request::builder()
            .method(self.method.as_str())
            .uri(uri)
            .header("if-match", "*")
            .extension(ConnectInfo(SocketAddr::from((address, 9))));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match &self.body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let response = pair.hub.routes.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let mut text = Vec::new();
        let mut stream = body.into_data_stream();
        // An endless answer is read until it has nothing to say.
        while let Ok(Some(Ok(chunk))) =
            tokio::time::timeout(patience(&parts.headers), stream.next()).await
        {
            text.extend(chunk);
        }
        let text = String::from_utf8(text).unwrap();
        Answer { status: parts.status.as_u16(), headers: parts.headers, text }
    }
}

fn patience(headers: &HeaderMap) -> Duration {
    let is_endless = headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
    if is_endless { Duration::from_millis(60) } else { Duration::from_secs(20) }
}

impl Answer {
    /// The answer without what differs from one request to the next, and without the ids that were sent.
    pub(super) fn scrubbed(&self, sent: &[&str]) -> String {
        let mut text = self.text.clone();
        for value in sent {
            text = text.replace(value, "SENT");
        }
        let mut headers: Vec<_> = self
            .headers
            .iter()
            .filter(|(name, _)| {
                !matches!(name.as_str(), "x-request-id" | "date" | "content-length")
            })
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap_or("?")))
            .collect();
        headers.sort();
        format!("{} {} {}", self.status, headers.join(", "), without_new_ids(&text))
    }
}

/// Replaces ids and secrets that are made anew at each request.
fn without_new_ids(text: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for letter in text.chars().chain(['\n']) {
        if letter.is_ascii_alphanumeric() || letter == '_' {
            word.push(letter);
            continue;
        }
        let is_id = word.len() >= 32
            && word.rsplit('_').next().unwrap().bytes().all(|b| b.is_ascii_hexdigit());
        let is_cursor = word.starts_with('e') && word.len() > 8;
        out.push_str(if is_id || is_cursor { "ID" } else { &word });
        word.clear();
        out.push(letter);
    }
    out
}
