//! Faults on Microsoft's paths, and who asks, as the log and the faults see it.

use bytes::Bytes;
use http::Request;
use jiff::Timestamp;
use serde_json::Value;

use super::{desk::Desk, id::Id, path::method_of, refusal::Refusal, route::lane, state::Microsoft};
use crate::{call::Cut, fault::Act, oauth, query::Query, reply::Reply, spec::Access};

/// The query of a call of Graph. What came with an OAuth request stays out.
pub(crate) fn loggable(request: &Request<Bytes>) -> Option<String> {
    if !request.uri().path().starts_with(super::path::API) {
        return None;
    }
    let hidden = ["$search", "$filter", "%24search", "%24filter"];
    let pairs: Vec<&str> = request
        .uri()
        .query()?
        .split('&')
        .filter(|pair| !hidden.contains(&pair.split('=').next().unwrap_or_default()))
        .collect();
    Some(pairs.join("&"))
}

impl Microsoft {
    /// The account and the client behind a request, as far as it tells.
    pub(crate) fn asker(&self, request: &Request<Bytes>) -> (Option<String>, Option<String>) {
        if let Some(access) = oauth::bearer(request).and_then(|token| self.access.get(token)) {
            return (Some(access.email.clone()), Some(access.client.clone()));
        }
        if method_of(request) != Some("oauth.token") {
            return (None, None);
        }
        let form = Query::parse(&String::from_utf8_lossy(request.body()));
        let refresh = self.refresh.get(form.get("refresh_token").unwrap_or_default());
        let grant = refresh.and_then(|refresh| self.grants.get(&refresh.grant));
        let by_grant = grant.map(|grant| (grant.email.clone(), grant.client.clone()));
        let code = self.codes.get(form.get("code").unwrap_or_default());
        let by_code = code.map(|code| (code.email.clone(), code.client.clone()));
        match by_grant.or(by_code) {
            Some((email, client)) => (Some(email), Some(client)),
            None => (None, form.get("client_id").map(str::to_owned)),
        }
    }

    /// What a request of Graph is counted with.
    pub(crate) fn lane_of(&self, request: &Request<Bytes>) -> Option<String> {
        if !request.uri().path().starts_with(super::path::API) {
            return None;
        }
        oauth::bearer(request).and_then(|token| self.access.get(token)).map(lane)
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
                Some(Ok(failure(429, Some(*retry_after_s), "ApplicationThrottled")))
            }
            _ => None,
        }
    }

    /// Changes the truth under a request, as the person or another client would.
    fn meddle(&mut self, email: &str, now: Timestamp, act: &Act) {
        match act {
            Act::ExpireCursors => self.end_cursors(email),
            Act::RevokePassword => self.end_grants(email, None, 50_173, now),
            Act::ForeignEdit { calendar, name, body } => {
                let Ok(Value::Object(event)) = serde_json::from_str(body) else { return };
                let Some(calendar) = self.named(email, calendar) else { return };
                let mut desk = Desk::of_person(self, email, &calendar, now);
                let id = key(name);
                if desk.patch(&id, &event).is_err() {
                    let mut event = event;
                    event.insert("id".into(), Value::String(name.clone()));
                    let _ = desk.create(&event);
                }
            }
            Act::ForeignDelete { calendar, name } => {
                let Some(calendar) = self.named(email, calendar) else { return };
                let _ = Desk::of_person(self, email, &calendar, now).delete(&key(name));
            }
            Act::RoleChange { calendar, access } => {
                let Some(id) = self.named(email, calendar) else { return };
                if let Some(found) = self.calendar_mut(email, &id) {
                    found.can_edit = *access == Access::Owner;
                }
            }
            Act::CalendarGone { calendar, status } => {
                let Some(id) = self.named(email, calendar) else { return };
                if let Some(found) = self.calendar_mut(email, &id) {
                    found.lost = Some(*status);
                }
            }
            _ => {}
        }
    }

    /// The id of a calendar of a name or an id.
    fn named(&self, email: &str, name: &str) -> Option<String> {
        let person = self.people.get(email)?;
        let mut all = person.calendars.values();
        all.find(|calendar| calendar.id == name || calendar.name == name).map(|c| c.id.clone())
    }
}

/// The event of an id, or of the name that a seed gave it.
fn key(name: &str) -> Id {
    Id::parse(name).unwrap_or_else(|_| Id {
        key: name.to_owned(),
        day: None,
        moves: 0,
        is_immutable: true,
    })
}

/// A body of one word is a code of Graph's envelope; any other is sent as it is.
fn failure(status: u16, retry_after_s: Option<u64>, body: &str) -> Reply {
    if body.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        let refusal = Refusal { retry_after_s, ..Refusal::of_fault(status, body) };
        return refusal.reply(("fault", "fault"), "");
    }
    let kind = if body.trim_start().starts_with('{') { "application/json" } else { "text/html" };
    let mut reply = crate::reply::body(status, kind, Bytes::copy_from_slice(body.as_bytes()));
    if let Some(seconds) = retry_after_s {
        reply.headers_mut().insert("retry-after", seconds.into());
    }
    reply
}
