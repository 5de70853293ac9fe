//! What stands between a request and its answer: who asks, what they may, limits, and the published types.

use bytes::Bytes;
use http::Request;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    id::Id,
    path::{self, Target, identity},
    prefer::Prefer,
    refusal::Refusal,
    schema,
    state::{Access, Microsoft, guid},
    subscription::Handshake,
    view::View,
};
use crate::{
    caldav::Shape,
    log::Violation,
    oauth,
    query::Query,
    reply::{self, Reply},
};

/// What an answer is made of, before it is bytes.
#[derive(Debug)]
pub(crate) enum Answer {
    Json(Value),
    Created(Value),
    Accepted,
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
    /// More requests than the mailbox takes at the same time.
    pub(crate) is_over: bool,
    /// What receivers answered who were asked before.
    pub(crate) handshakes: &'a [Handshake],
}

/// A request to Graph whose caller is known.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) around: &'a Around<'a>,
    pub(crate) request: &'a Request<Bytes>,
    pub(crate) target: &'a Target,
    pub(crate) query: &'a Query,
    pub(crate) prefer: Prefer,
    pub(crate) body: Value,
    /// Whose mailbox the path names.
    pub(crate) mailbox: String,
    pub(crate) email: String,
    pub(crate) client: String,
    pub(crate) scopes: Vec<String>,
}

/// Answers a request to one of Microsoft's paths.
pub(crate) fn answer(ms: &mut Microsoft, around: &Around<'_>, request: &Request<Bytes>) -> Reply {
    ms.settle(around.now);
    if let Some((tenant, method)) = identity(request.uri().path()) {
        return match (method, request.method().as_str()) {
            ("oauth.token", "POST") => ms.token(request, tenant, around),
            ("oauth.authorize", "GET" | "POST") => {
                super::consent::answer(ms, request, tenant, around.now)
            }
            ("oauth.adminconsent", "GET" | "POST") => super::admin::answer(ms, request, tenant),
            ("oauth.metadata", "GET") => super::token::metadata(tenant, around.origin),
            ("oauth.logout", _) => reply::text(200, "You signed out.\n"),
            _ => reply::status(405),
        };
    }
    api(ms, around, request)
}

/// One call of Graph, alone or as a part of a batch.
pub(crate) fn api(ms: &mut Microsoft, around: &Around<'_>, request: &Request<Bytes>) -> Reply {
    let target = path::target(request.method().as_str(), request.uri().path());
    let mut applied = Vec::new();
    let done = match &target {
        Some(target) => asked(ms, around, request, target, &mut applied),
        None => Err(Refusal::no_resource()),
    };
    let serial = ms.next();
    let request_id = guid(&format!("request/{}/{serial}", around.n));
    let told = request.headers().get("client-request-id").and_then(|value| value.to_str().ok());
    let client_request_id = told.unwrap_or(&request_id);
    let date = around.now.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let mut reply =
        done.unwrap_or_else(|refusal| refusal.reply((&request_id, client_request_id), &date));
    reply::set(&mut reply, "request-id", &request_id);
    reply::set(&mut reply, "client-request-id", client_request_id);
    for one in applied {
        reply::set(&mut reply, "preference-applied", &one);
    }
    reply
}

fn asked(
    ms: &mut Microsoft,
    around: &Around<'_>,
    request: &Request<Bytes>,
    target: &Target,
    applied: &mut Vec<String>,
) -> Result<Reply, Refusal> {
    let access = ms.access(request, around.now)?;
    if target.method == "batch" {
        return super::batch::answer(ms, around, request);
    }
    ms.spend(&lane(&access), around.is_over, around.now)?;
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let prefer = Prefer::read(request, ms.knobs.any_zone)?;
    applied.clone_from(&prefer.applied);
    if target.method == "calendarView.delta" {
        applied.push("odata.track-changes".into());
    }
    let mut ask = Ask {
        around,
        request,
        target,
        query: &query,
        prefer,
        body: Value::Null,
        mailbox: access.email.clone(),
        email: access.email,
        client: access.client,
        scopes: access.scopes.into_iter().collect(),
    };
    ask.check_scopes()?;
    ask.mailbox = ask.named_mailbox(ms)?;
    ask.body = ask.read_body(ms)?;
    ask.check(ms)?;
    if request.method() == http::Method::GET && ms.by_chance(ms.knobs.spurious_412_reads) {
        return Err(Refusal::conflict());
    }
    let answer = ask.answer(ms)?;
    Ok(ask.sent(ms, answer))
}

/// An app and a mailbox, whose requests are counted together.
pub(crate) fn lane(access: &Access) -> String {
    format!("{}/{}", access.client, access.email)
}

impl Microsoft {
    /// Who asks, as far as the token is good for anything.
    fn access(&self, request: &Request<Bytes>, now: Timestamp) -> Result<Access, Refusal> {
        let token =
            oauth::bearer(request).ok_or_else(|| Refusal::token("Access token is empty."))?;
        let access = self.access.get(token);
        let access = access.ok_or_else(|| Refusal::token("IDX14100: JWT is not well formed."))?;
        if access.expires_at <= now {
            return Err(Refusal::token("Lifetime validation failed, the token is expired."));
        }
        let gone = || Refusal::token("The user of the token does not exist.");
        let person = self.people.get(&access.email).ok_or_else(gone)?;
        if let Some(claims) = person.claims.as_ref().filter(|c| access.claims.as_ref() != Some(*c))
        {
            let message = "Continuous access evaluation resulted in challenge.";
            let refusal = Refusal::token(message);
            return Err(Refusal { claims: Some(claims.clone()), ..refusal });
        }
        Ok(access.clone())
    }
}

/// What a token must have one of.
fn scopes(method: &str) -> &'static [&'static str] {
    match method {
        "me.get" => &["User.Read", "User.ReadWrite"],
        "mailboxSettings.get" => &["MailboxSettings.Read", "MailboxSettings.ReadWrite"],
        "outlook.supportedTimeZones" | "me.translateExchangeIds" => &["User.Read"],
        "events.create"
        | "events.update"
        | "events.delete"
        | "events.cancel"
        | "events.accept"
        | "events.tentativelyAccept"
        | "events.decline"
        | "calendars.create"
        | "calendars.update"
        | "calendars.delete" => &["Calendars.ReadWrite", "Calendars.ReadWrite.Shared"],
        name if name.starts_with("subscriptions.") && name != "subscriptions.create" => &[],
        "subscriptions.create" => {
            &["Calendars.Read", "Calendars.ReadWrite", "Calendars.Read.Shared"]
        }
        _ => &[
            "Calendars.ReadBasic",
            "Calendars.Read",
            "Calendars.ReadWrite",
            "Calendars.Read.Shared",
            "Calendars.ReadWrite.Shared",
        ],
    }
}

/// Parameters that a listing takes; the delta tells itself what it takes.
const PARAMETERS: [&str; 10] = [
    "$top",
    "$skip",
    "$select",
    "$orderby",
    "$filter",
    "$expand",
    "$count",
    "startDateTime",
    "endDateTime",
    "includeHiddenFolders",
];

impl Ask<'_> {
    fn check_scopes(&self) -> Result<(), Refusal> {
        let wanted = scopes(self.target.method);
        let has = |one: &&str| self.scopes.iter().any(|scope| scope == one);
        if wanted.is_empty() || wanted.iter().any(has) { Ok(()) } else { Err(Refusal::denied()) }
    }

    fn named_mailbox(&self, ms: &Microsoft) -> Result<String, Refusal> {
        let own = ms.people.get(&self.email).ok_or_else(Refusal::no_resource)?;
        let is_own =
            self.target.user.as_ref().is_none_or(|user| *user == self.email || *user == own.id());
        if !is_own {
            return Err(Refusal::denied());
        }
        let needs =
            self.target.method != "me.get" && !self.target.method.starts_with("subscriptions");
        if own.spec.no_mailbox && needs {
            let message = "The mailbox is either inactive, soft-deleted, or is hosted on-premise.";
            return Err(Refusal::new(404, "MailboxNotEnabledForRESTAPI", message));
        }
        Ok(self.email.clone())
    }

    fn read_body(&self, ms: &mut Microsoft) -> Result<Value, Refusal> {
        let bytes = self.request.body();
        if bytes.is_empty() {
            return Ok(Value::Object(Map::new()));
        }
        let read: Option<Value> = serde_json::from_slice(bytes).ok().filter(Value::is_object);
        let read = read.ok_or_else(|| {
            self.note(ms, "request", "the body is no JSON object".into());
            Refusal::new(400, "RequestBodyRead", "The body of the request cannot be read.")
        })?;
        Ok(schema::lowered(self.target.method, read))
    }

    /// Checks a request against the published types.
    fn check(&self, ms: &mut Microsoft) -> Result<(), Refusal> {
        if !ms.knobs.strict {
            return Ok(());
        }
        let unknown =
            self.query.iter().map(|(name, _)| name).find(|name| {
                self.target.method != "calendarView.delta" && !PARAMETERS.contains(name)
            });
        if let Some(name) = unknown {
            let message = format!("The query parameter {name} is not known.");
            self.note(ms, "request", message.clone());
            return Err(Refusal::bad(&message));
        }
        if let Some(fault) = schema::wrong_request(self.target.method, &self.body) {
            let message = format!("The request departs from the type: {fault}");
            self.note(ms, "request", fault);
            return Err(Refusal::new(400, "RequestBodyRead", &message));
        }
        Ok(())
    }

    pub(crate) fn note(&self, ms: &mut Microsoft, side: &'static str, what: String) {
        let method = self.target.method.to_owned();
        ms.violations.push(Violation { n: self.around.n, method, side, what });
    }

    pub(crate) fn view(&self) -> View {
        let reads =
            |scope: &String| scope.starts_with("Calendars.") && scope != "Calendars.ReadBasic";
        View {
            zone: self.prefer.zone.clone(),
            is_immutable: self.prefer.is_immutable,
            wants_text: self.prefer.wants_text,
            is_basic: !self.scopes.iter().any(reads),
        }
    }

    /// The address of the request without its query.
    pub(crate) fn address(&self) -> String {
        format!("{}{}", self.around.origin, self.request.uri().path())
    }

    /// The event that the path names, by an id of the kind that the headers ask for.
    pub(crate) fn event_id(&self) -> Result<Id, Refusal> {
        let id = Id::parse(self.target.event.as_deref().unwrap_or_default())?;
        let is_asked = id.is_immutable == self.prefer.is_immutable;
        if is_asked { Ok(id) } else { Err(Refusal::item_not_found()) }
    }

    fn answer(&self, ms: &mut Microsoft) -> Outcome {
        match self.target.method {
            "calendarView.delta" => ms.delta(self),
            "calendarView.list" => ms.list_view(self),
            "events.list" => ms.list_events(self),
            "events.instances" => ms.list_instances(self),
            "events.get" => ms.get_event(self),
            "events.delta" => {
                let message = "Change tracking is not supported against 'microsoft.graph.event'.";
                Err(Refusal::bad(message))
            }
            name if name.starts_with("events.") => self.write(ms),
            name if name.starts_with("subscriptions.") => self.subscription(ms),
            "calendar.getSchedule" => ms.schedule(self),
            _ => self.mailbox(ms),
        }
    }

    fn sent(&self, ms: &mut Microsoft, answer: Answer) -> Reply {
        let (status, body) = match answer {
            Answer::Json(body) => (200, body),
            Answer::Created(body) => (201, body),
            Answer::Accepted => return reply::status(202),
            Answer::Empty => return reply::status(204),
        };
        if ms.knobs.strict
            && let Some(fault) = schema::wrong_response(self.target.method, &body)
        {
            self.note(ms, "response", fault);
        }
        let kind = "application/json; odata.metadata=minimal; odata.streaming=true; charset=utf-8";
        let mut reply = reply::body(status, kind, Bytes::from(body.to_string()));
        if let Some(etag) = body.get("@odata.etag").and_then(Value::as_str) {
            reply::set(&mut reply, "etag", etag);
        }
        if let (201, Some(id)) = (status, body.get("id").and_then(Value::as_str)) {
            let id = super::encoded(id);
            reply::set(&mut reply, "location", &format!("{}/{id}", self.address()));
        }
        reply
    }
}
