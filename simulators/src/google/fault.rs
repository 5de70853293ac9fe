//! Faults on Google's paths, and who asks, as the log and the faults see it.

use bytes::Bytes;
use http::Request;
use jiff::Timestamp;
use serde_json::Value;

use super::{
    desk::Desk,
    refusal::Refusal,
    route::method_of,
    spec::{GoogleCalendarSpec, Role},
    state::Google,
};
use crate::{
    query::Query,
    {call::Cut, fault::Act, reply::Reply, spec::Access},
};

/// The query of a call of the API. What came with an OAuth request stays out, as do tokens.
pub(crate) fn loggable(request: &Request<Bytes>) -> Option<String> {
    if !request.uri().path().starts_with("/calendar/v3/") {
        return None;
    }
    let hidden = ["access_token", "oauth_token", "key", "q", "text"];
    let pairs: Vec<&str> = request
        .uri()
        .query()?
        .split('&')
        .filter(|pair| !hidden.contains(&pair.split('=').next().unwrap_or_default()))
        .collect();
    Some(pairs.join("&"))
}

impl Google {
    /// The account and the client behind a request, as far as it tells.
    pub(crate) fn asker(&self, request: &Request<Bytes>) -> (Option<String>, Option<String>) {
        if let Some(access) = self.bearer(request) {
            return (Some(access.email.clone()), Some(access.client.clone()));
        }
        if !matches!(method_of(request), Some("oauth.token" | "oauth.revoke")) {
            return (None, None);
        }
        let form = Query::parse(&String::from_utf8_lossy(request.body()));
        let told = form.get("refresh_token").or_else(|| form.get("token")).unwrap_or_default();
        let by_grant =
            self.grants.get(told).map(|grant| (grant.email.clone(), grant.client.clone()));
        let by_access = self.access.get(told).map(|one| (one.email.clone(), one.client.clone()));
        let code = self.codes.get(form.get("code").unwrap_or_default());
        let by_code = code.map(|code| (code.email.clone(), code.client.clone()));
        match by_grant.or(by_access).or(by_code) {
            Some((email, client)) => (Some(email), Some(client)),
            None => (None, form.get("client_id").map(str::to_owned)),
        }
    }

    /// What a fault does before a call is served; an answer here is final.
    pub(crate) fn before(
        &mut self,
        email: Option<&str>,
        now: Timestamp,
        act: &Act,
    ) -> Option<Result<Reply, Cut>> {
        if let Some(email) = email {
            self.meddle(email, now, act);
        }
        match act {
            Act::DropBefore => Some(Err(Cut::BeforeApply)),
            Act::Status { status, retry_after_s, body } => {
                Some(Ok(failure(*status, *retry_after_s, body)))
            }
            Act::RateLimit { retry_after_s, .. } => {
                Some(Ok(failure(429, Some(*retry_after_s), "")))
            }
            _ => None,
        }
    }

    /// Changes the truth under a request, as the person or another client would.
    fn meddle(&mut self, email: &str, now: Timestamp, act: &Act) {
        let full = |id: &str| {
            if id == "primary" { email.to_owned() } else { GoogleCalendarSpec::new(id).full_id() }
        };
        match act {
            Act::ExpireCursors => self.end_cursors(email, false),
            Act::RevokePassword => self.end_grants(email, None),
            Act::ForeignEdit { calendar, name, body } => {
                let Ok(Value::Object(mut event)) = serde_json::from_str(body) else { return };
                let calendar = full(calendar);
                let mut desk = Desk::of_person(self, email, &calendar, now);
                if desk.patch(name, &event).is_err() {
                    event.insert("id".into(), Value::String(name.clone()));
                    let _ = desk.insert(event);
                }
            }
            Act::ForeignDelete { calendar, name } => {
                let calendar = full(calendar);
                let _ = Desk::of_person(self, email, &calendar, now).delete(name);
            }
            Act::RoleChange { calendar, access } => {
                let role = match access {
                    Access::Owner => Role::Owner,
                    Access::ReadOnly => Role::Reader,
                    Access::FreeBusyOnly => Role::FreeBusyReader,
                };
                self.set_role(email, &full(calendar), role);
            }
            Act::CalendarGone { calendar, status } => {
                self.edit_entry(email, &full(calendar), now, |entry| entry.lost = Some(*status));
            }
            _ => {}
        }
    }
}

/// A body of one word is a reason of Google's envelope; any other is sent as it is.
fn failure(status: u16, retry_after_s: Option<u64>, body: &str) -> Reply {
    let is_reason = body.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
    if is_reason {
        let mut refusal = Refusal::of_fault(status, body);
        refusal.more.retry_after_s = retry_after_s;
        return refusal.reply();
    }
    let kind = if body.trim_start().starts_with('{') { "application/json" } else { "text/html" };
    let mut reply = crate::reply::body(status, kind, Bytes::copy_from_slice(body.as_bytes()));
    if let Some(seconds) = retry_after_s {
        reply.headers_mut().insert("retry-after", seconds.into());
    }
    reply
}
