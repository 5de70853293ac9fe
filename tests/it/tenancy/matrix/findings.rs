//! Who asks, and what is wrong with what they are answered.

use serde_json::{Value, json};

use super::asking::Answer;
use crate::{
    api::auth::SCOPES,
    tenancy::pair::{Pair, Side},
};

/// What is wrong, as sentences; empty when nothing is.
pub(super) struct Findings(pub(super) Vec<String>);

impl Findings {
    pub(super) fn check(&mut self, ok: bool, what: impl FnOnce() -> String) {
        if !ok {
            self.0.push(what());
        }
    }

    /// Nothing of `other` may stand in the answer, beyond what was sent.
    pub(super) fn no_leak(&mut self, name: &str, answer: &Answer, sent: &[&str], other: &Side) {
        let mut text = answer.text.clone();
        for (header, value) in &answer.headers {
            text.push_str(&format!("\n{header}: {}", value.to_str().unwrap_or("?")));
        }
        for value in sent {
            text = text.replace(value, "SENT");
        }
        let traces = other.ids.values().map(String::as_str).chain([other.canary]);
        for trace in traces.filter(|trace| text.contains(trace)) {
            self.0.push(format!("{name}: tells {trace} of the other tenant: {text}"));
        }
        self.check(answer.status < 500, || format!("{name}: {} {}", answer.status, answer.text));
    }
}

pub(super) struct Keys {
    /// By scope, of our tenant.
    pub(super) scoped: Vec<(&'static str, String)>,
    pub(super) expired: String,
    pub(super) revoked: String,
}

pub(super) async fn keys(pair: &Pair) -> Keys {
    let mut scoped = Vec::new();
    for scope in SCOPES {
        scoped.push((scope, pair.hub.key(&[scope]).await));
    }
    let made = |body: Value| async move {
        let made = pair.hub.post("/v1/keys", body).await.expect(201);
        (made.id(), format!("Bearer {}", made.body["key"].as_str().unwrap()))
    };
    let (gone, revoked) = made(json!({"name": "r", "scopes": ["admin"]})).await;
    pair.hub.delete(&format!("/v1/keys/{gone}")).await.expect(204);
    let end = "2026-03-02T08:00:01Z";
    let (_, expired) = made(json!({"name": "e", "scopes": ["admin"], "expires_at": end})).await;
    pair.hub.advance(2).await;
    Keys { scoped, expired, revoked }
}

/// Whether a key of this scope may.
pub(super) fn is_enough(scope: &str, needed: &[String]) -> bool {
    needed.iter().any(|one| {
        scope == one
            || (scope == "admin" && one != "instance")
            || (scope == "connections:write" && one == "connections:read")
            || (scope == "bookings:write" && one == "bookings:read")
    })
}
