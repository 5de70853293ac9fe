//! Google's paths: which method a request means, who asks, and what stands between them and the answer.

use bytes::Bytes;
use http::Request;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    batch, calendar_list, calendars,
    channel::Watch,
    consent,
    desk::Desk,
    fields,
    refusal::Refusal,
    schema::{self, Method},
    spec::Role,
    state::Google,
    view::View,
};
use crate::{
    caldav::Shape,
    log::Violation,
    query::{Query, decoded},
    reply::{self, Reply},
};

const API: &str = "/calendar/v3/";
const SCOPE: &str = "https://www.googleapis.com/auth/";

/// Whether a path is Google's.
pub(crate) fn is_ours(path: &str) -> bool {
    path.starts_with("/calendar/v3/") || path.starts_with("/g/") || path == "/batch/calendar/v3"
}

/// What an answer is made of, before it is bytes.
#[derive(Debug)]
pub(crate) enum Answer {
    Json(Value),
    Empty,
}

pub(crate) type Outcome = Result<Answer, Refusal>;

/// What stands around a request: time, its number, the address it was sent to.
#[derive(Debug)]
pub(crate) struct Around<'a> {
    pub(crate) now: Timestamp,
    pub(crate) n: u64,
    pub(crate) origin: &'a str,
    pub(crate) shape: Shape,
}

/// A request to the API whose caller is known.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) around: &'a Around<'a>,
    pub(crate) request: &'a Request<Bytes>,
    pub(crate) method: &'static str,
    pub(crate) segments: &'a [String],
    pub(crate) query: &'a Query,
    pub(crate) body: Value,
    pub(crate) email: String,
    pub(crate) client: String,
    pub(crate) scopes: Vec<String>,
}

/// The method's name in the discovery document, for the log and for faults.
pub(crate) fn method_of(request: &Request<Bytes>) -> Option<&'static str> {
    let path = request.uri().path();
    match path {
        "/batch/calendar/v3" => return Some("batch"),
        "/g/token" => return Some("oauth.token"),
        "/g/revoke" => return Some("oauth.revoke"),
        "/g/o/oauth2/v2/auth" => return Some("oauth.authorize"),
        "/g/userinfo" | "/g/oauth2/v3/userinfo" => return Some("oauth.userinfo"),
        _ => {}
    }
    let segments: Vec<&str> = path.strip_prefix(API)?.split('/').collect();
    named(verb(request), &segments)
}

/// The verb, which clients with long queries send beside a POST.
fn verb(request: &Request<Bytes>) -> &str {
    let over = request.headers().get("x-http-method-override");
    over.and_then(|value| value.to_str().ok()).unwrap_or(request.method().as_str())
}

fn named(verb: &str, segments: &[&str]) -> Option<&'static str> {
    Some(match (verb, segments) {
        ("GET", ["users", "me", "calendarList"]) => "calendarList.list",
        ("POST", ["users", "me", "calendarList"]) => "calendarList.insert",
        ("POST", ["users", "me", "calendarList", "watch"]) => "calendarList.watch",
        ("GET", ["users", "me", "calendarList", _]) => "calendarList.get",
        ("PATCH", ["users", "me", "calendarList", _]) => "calendarList.patch",
        ("PUT", ["users", "me", "calendarList", _]) => "calendarList.update",
        ("DELETE", ["users", "me", "calendarList", _]) => "calendarList.delete",
        ("GET", ["users", "me", "settings"]) => "settings.list",
        ("POST", ["users", "me", "settings", "watch"]) => "settings.watch",
        ("GET", ["users", "me", "settings", _]) => "settings.get",
        ("POST", ["calendars"]) => "calendars.insert",
        ("GET", ["calendars", _]) => "calendars.get",
        ("PATCH", ["calendars", _]) => "calendars.patch",
        ("PUT", ["calendars", _]) => "calendars.update",
        ("DELETE", ["calendars", _]) => "calendars.delete",
        ("GET", ["calendars", _, "events"]) => "events.list",
        ("POST", ["calendars", _, "events"]) => "events.insert",
        ("POST", ["calendars", _, "events", "import"]) => "events.import",
        ("POST", ["calendars", _, "events", "quickAdd"]) => "events.quickAdd",
        ("POST", ["calendars", _, "events", "watch"]) => "events.watch",
        ("GET", ["calendars", _, "events", _]) => "events.get",
        ("PUT", ["calendars", _, "events", _]) => "events.update",
        ("PATCH", ["calendars", _, "events", _]) => "events.patch",
        ("DELETE", ["calendars", _, "events", _]) => "events.delete",
        ("GET", ["calendars", _, "events", _, "instances"]) => "events.instances",
        ("POST", ["calendars", _, "events", _, "move"]) => "events.move",
        ("POST", ["channels", "stop"]) => "channels.stop",
        ("POST", ["freeBusy"]) => "freebusy.query",
        _ => return None,
    })
}

/// Answers a request to one of Google's paths.
pub(crate) fn answer(google: &mut Google, around: &Around<'_>, request: &Request<Bytes>) -> Reply {
    let path = request.uri().path();
    match (verb(request), path) {
        ("GET" | "POST", "/g/o/oauth2/v2/auth") => consent::answer(google, request, around.now),
        ("POST", "/g/token") => google.token(request, around.origin, around.now),
        ("POST", "/g/revoke") => google.revoke(request),
        ("GET" | "POST", "/g/userinfo" | "/g/oauth2/v3/userinfo") => {
            google.userinfo(request, around.now)
        }
        ("POST", "/batch/calendar/v3") => batch::answer(google, around, request),
        _ => api(google, around, request),
    }
}

/// One call of the API, alone or as a part of a batch.
pub(crate) fn api(google: &mut Google, around: &Around<'_>, request: &Request<Bytes>) -> Reply {
    match asked(google, around, request) {
        Ok(reply) => reply,
        Err(refusal) => refusal.reply(),
    }
}

fn asked(
    google: &mut Google,
    around: &Around<'_>,
    request: &Request<Bytes>,
) -> Result<Reply, Refusal> {
    let rest = request.uri().path().strip_prefix(API).ok_or_else(Refusal::not_found)?;
    let raw: Vec<&str> = rest.split('/').collect();
    let name = named(verb(request), &raw).ok_or_else(Refusal::not_found)?;
    let method = schema::method(name).ok_or_else(Refusal::not_found)?;
    let segments: Vec<String> =
        raw.iter().map(|segment| decoded(&segment.replace('+', "%2B"))).collect();
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let access = google.bearer(request).filter(|access| access.expires_at > around.now);
    let access = access.cloned().ok_or_else(Refusal::credentials)?;
    if google.clients.get(&access.client).is_some_and(|client| client.api_disabled) {
        let message = "Google Calendar API has not been used in project before or it is disabled.";
        let refusal = Refusal::new(403, "accessNotConfigured", message).domain("usageLimits");
        return Err(refusal.detail("PERMISSION_DENIED", "SERVICE_DISABLED"));
    }
    google.spend(&access.email, &access.client, name, around.now)?;
    let scopes: Vec<String> = access
        .scopes
        .iter()
        .filter_map(|scope| scope.strip_prefix(SCOPE))
        .map(str::to_owned)
        .collect();
    if !scopes.iter().any(|scope| method.scopes.contains(scope)) {
        let refusal = Refusal::new(403, "insufficientPermissions", "Insufficient Permission");
        return Err(refusal.detail("PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"));
    }
    let mut ask = Ask {
        around,
        request,
        method: name,
        segments: &segments,
        query: &query,
        body: Value::Null,
        email: access.email,
        client: access.client,
        scopes,
    };
    ask.body = ask.read_body(google)?;
    ask.check(google, method)?;
    let answer = ask.answer(google)?;
    Ok(ask.sent(google, method, answer))
}

impl Ask<'_> {
    fn read_body(&self, google: &mut Google) -> Result<Value, Refusal> {
        let bytes = self.request.body();
        if bytes.is_empty() {
            return Ok(Value::Object(Map::new()));
        }
        let read: Option<Value> = serde_json::from_slice(bytes).ok().filter(Value::is_object);
        read.ok_or_else(|| {
            self.note(google, "request", "the body is no JSON object".into());
            Refusal::new(400, "parseError", "Parse Error")
        })
    }

    /// Checks a request against the published description.
    fn check(&self, google: &mut Google, method: &Method) -> Result<(), Refusal> {
        if !google.knobs.strict {
            return Ok(());
        }
        if let Some((name, message)) = schema::wrong_query(method, self.query) {
            self.note(google, "request", message.clone());
            return Err(Refusal::parameter(&name, &message));
        }
        if let Some(fault) = schema::wrong_request(method, &self.body) {
            let message = format!("Invalid JSON payload received: {fault}");
            self.note(google, "request", fault);
            return Err(Refusal::parameter("resource", &message));
        }
        Ok(())
    }

    fn note(&self, google: &mut Google, side: &'static str, what: String) {
        let violation = Violation { n: self.around.n, method: self.method.to_owned(), side, what };
        google.violations.push(violation);
    }

    pub(crate) fn segment(&self, at: usize) -> &str {
        self.segments.get(at).map(String::as_str).unwrap_or_default()
    }

    /// The id of the calendar that the path names.
    pub(crate) fn calendar(&self) -> &str {
        Google::calendar_id(
            &self.email,
            self.segment(if self.segment(0) == "users" { 3 } else { 1 }),
        )
    }

    fn has_only(&self, scopes: &[&str]) -> bool {
        let of_events =
            |scope: &&String| schema::method(self.method).is_some_and(|m| m.scopes.contains(scope));
        self.scopes.iter().filter(of_events).all(|scope| scopes.contains(&scope.as_str()))
    }

    /// What the caller may do in a calendar, by role and by scope.
    pub(crate) fn role(&self, google: &Google, calendar: &str) -> Result<Role, Refusal> {
        let lost = |status: u16| match status {
            404 if google.knobs.lost_status == 403 => Refusal::forbidden(),
            404 => Refusal::not_found(),
            410 => Refusal::deleted(),
            status => Refusal::of_fault(status, ""),
        };
        let role = google.role(&self.email, calendar).map_err(lost)?;
        let made_here = google
            .calendars
            .get(calendar)
            .is_some_and(|c| c.made_by.as_ref() == Some(&self.client));
        if self.has_only(&["calendar.app.created"]) && !made_here {
            return Err(Refusal::not_found());
        }
        let is_owned = role == Role::Owner;
        if self.has_only(&["calendar.events.owned", "calendar.events.owned.readonly"]) && !is_owned
        {
            return Err(Refusal::not_found());
        }
        if self.has_only(&["calendar.events.public.readonly"])
            && !google.calendars.get(calendar).is_some_and(|c| c.public)
        {
            return Err(Refusal::not_found());
        }
        if self.has_only(&["calendar.events.freebusy"]) {
            return Ok(Role::FreeBusyReader);
        }
        Ok(role)
    }

    fn answer(&self, google: &mut Google) -> Outcome {
        match self.method.split_once('.') {
            Some(("calendarList", _)) => calendar_list::answer(self, google),
            Some(("calendars", _)) => calendars::answer(self, google),
            Some(("settings", verb)) => self.settings(google, verb),
            Some(("freebusy", _)) => google.free_busy(self),
            Some(("channels", _)) => {
                google.stop(&self.client, &self.body, self.around.now).map(|()| Answer::Empty)
            }
            Some(("events", verb)) => self.events(google, verb),
            _ => Err(Refusal::not_found()),
        }
    }

    fn events(&self, google: &mut Google, verb: &str) -> Outcome {
        let calendar = self.calendar().to_owned();
        let role = self.role(google, &calendar)?;
        google.finish_conferences(&calendar, self.around.now);
        match verb {
            "list" => google
                .list_events(&self.email, &calendar, role, self.query, self.around.now)
                .map(Answer::Json),
            "get" => google.get_event(self, &calendar, role),
            "instances" => google.list_instances(self, &calendar, role),
            "watch" => self.watch(google, &calendar),
            _ => self.write(google, &calendar, role, verb),
        }
    }

    fn watch(&self, google: &mut Google, calendar: &str) -> Outcome {
        if google.calendars.get(calendar).is_some_and(|found| found.unwatchable) {
            let message = "Push notifications are not supported by this resource.";
            return Err(Refusal::new(400, "pushNotSupportedForRequestedResource", message));
        }
        let path = format!("/calendars/{}/events", crate::google::encoded(calendar));
        self.open_channel(google, Some(calendar), &path)
    }

    pub(crate) fn open_channel(
        &self,
        google: &mut Google,
        calendar: Option<&str>,
        path: &str,
    ) -> Outcome {
        let watch = Watch {
            client: &self.client,
            email: &self.email,
            calendar,
            uri: format!("{}/calendar/v3{path}", self.around.origin),
            query: self.query,
            body: &self.body,
            now: self.around.now,
        };
        google.watch(&watch).map(Answer::Json)
    }

    fn write(&self, google: &mut Google, calendar: &str, role: Role, verb: &str) -> Outcome {
        let if_match = self.request.headers().get("if-match").and_then(|value| value.to_str().ok());
        let send = if self.query.is("sendNotifications") { "all" } else { "none" };
        let event = self.body.as_object().cloned().unwrap_or_default();
        let id = self.segment(3).to_owned();
        let mut desk = Desk {
            google,
            now: self.around.now,
            email: &self.email,
            calendar,
            is_person: false,
            role,
            if_match,
            takes_conferences: self.query.get("conferenceDataVersion") == Some("1"),
            takes_attachments: self.query.is("supportsAttachments"),
            send_updates: self.query.get("sendUpdates").unwrap_or(send),
        };
        let (kept, at) = match verb {
            "insert" => (desk.insert(event)?, calendar),
            "import" => (desk.import(event)?, calendar),
            "update" => (desk.update(&id, event)?, calendar),
            "patch" => (desk.patch(&id, &event)?, calendar),
            "quickAdd" => (desk.quick_add(self.query.get("text").unwrap_or_default())?, calendar),
            "move" => {
                let to = Google::calendar_id(
                    &self.email,
                    self.query.get("destination").unwrap_or_default(),
                );
                (desk.move_to(&id, to)?, to)
            }
            _ => {
                desk.delete(&id)?;
                return Ok(Answer::Empty);
            }
        };
        let mut view = View::new(role, &google.knobs);
        view.max_attendees = self.query.number("maxAttendees");
        view.thin_deletions = false;
        let row = google.calendars.get(at).and_then(|found| found.rows.get(&kept));
        Ok(Answer::Json(row.map_or(Value::Null, |row| view.row(row))))
    }

    /// Writes the answer: preconditions of reading, shaped rows, checks, chosen fields.
    fn sent(&self, google: &mut Google, method: &Method, answer: Answer) -> Reply {
        let Answer::Json(mut value) = answer else { return reply::status(204) };
        let etag = value.get("etag").and_then(Value::as_str).map(str::to_owned);
        let known = self.request.headers().get("if-none-match").and_then(|v| v.to_str().ok());
        if known.is_some() && known == etag.as_deref() {
            return reply::status(304);
        }
        if let Some(Value::Array(items)) = value.get_mut("items") {
            self.around.shape.rows(items);
        }
        if google.knobs.strict
            && let Some(fault) = schema::wrong_response(method, &value)
        {
            self.note(google, "response", fault);
        }
        if let Some(wanted) = self.query.get("fields") {
            value = fields::chosen(&value, wanted);
        }
        let mut reply =
            reply::body(200, "application/json; charset=UTF-8", Bytes::from(value.to_string()));
        if let Some(etag) = etag {
            reply::set(&mut reply, "etag", &etag);
        }
        reply
    }
}
