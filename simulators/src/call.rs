//! One request from its arrival to its answer: faults, the front it belongs to, the log.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode};

use crate::{
    caldav::{self, Call, Shape},
    control,
    fault::{Act, Asked, Planted, Spoiling},
    feed, google,
    log::Entry,
    page,
    reply::{self, Reply},
    state::{AccountState, CalendarState, State},
    world::World,
};

/// How the bytes of an answer reach the client; travels as an extension of the response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    #[default]
    Whole,
    /// Without a `Content-Length`.
    Chunked,
    /// The connection is cut after so many bytes.
    Cut {
        keep: usize,
    },
    Drip {
        bytes: usize,
        pause_ms: u64,
    },
}

/// How long an answer let its client wait, where that is no real time; an extension of the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waited(pub Duration);

/// The connection was cut instead of an answer.
#[derive(Clone, Debug)]
pub enum Cut {
    /// Nothing was done.
    BeforeApply,
    /// The request took effect.
    AfterApply,
    /// Part of the answer was sent; the body holds that part.
    MidBody(Box<Response<Bytes>>),
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BeforeApply => "connection cut before the request was applied",
            Self::AfterApply => "connection cut after the request was applied",
            Self::MidBody(_) => "connection cut within the answer",
        })
    }
}

impl std::error::Error for Cut {}

impl World {
    /// Answers one request in this process, without a socket.
    ///
    /// # Errors
    ///
    /// [`Cut`] where a fault cuts the connection.
    pub async fn call(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Cut> {
        let answer = self.deliver(request).await?;
        match answer.extensions().get::<Delivery>() {
            Some(Delivery::Cut { keep }) if *keep < answer.body().len() => {
                let (parts, body) = answer.into_parts();
                let Some(Delivery::Cut { keep }) = parts.extensions.get::<Delivery>().copied()
                else {
                    return Ok(Response::from_parts(parts, body));
                };
                let kept = body.slice(..keep.min(body.len()));
                Err(Cut::MidBody(Box::new(Response::from_parts(parts, kept))))
            }
            _ => Ok(answer),
        }
    }

    /// As [`World::call`], with a cut body still whole and its [`Delivery`] beside it.
    pub(crate) async fn deliver(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Cut> {
        let path = request.uri().path();
        if path == "/_sim" || path.starts_with("/_sim/") {
            return Ok(control::answer(self, &request));
        }
        if path == "/" && request.method() == http::Method::GET {
            return Ok(page::answer(self));
        }
        let (mut entry, acts) = self.arrive(&request);
        let wait: u64 =
            acts.iter().map(|act| if let Act::Latency { ms } = act { *ms } else { 0 }).sum();
        if wait > 0 {
            self.sleep(Duration::from_millis(wait)).await;
        }
        let now = self.now();
        let mut state = self.state();
        let mut answer = serve(&mut state, now, &request, &acts);
        if let (Ok(reply), true) = (&mut answer, wait > 0) {
            reply.extensions_mut().insert(Waited(Duration::from_millis(wait)));
        }
        match &answer {
            Ok(reply) => {
                entry.status = Some(reply.status().as_u16());
                entry.bytes_out = sent_bytes(reply);
            }
            Err(_) => entry.status = None,
        }
        state.log.push(entry);
        if state.google.has_post() {
            self.tell_of_post();
        }
        answer
    }

    /// Counts the request and picks the faults that act on it.
    fn arrive(&self, request: &Request<Bytes>) -> (Entry, Vec<Act>) {
        let now = self.now();
        let path = request.uri().path().to_owned();
        let feed = feed::name_in(&path).map(str::to_owned);
        let is_google = google::is_ours(&path);
        let report = if is_google {
            google::method_of(request).map(str::to_owned)
        } else {
            caldav::xml::Element::parse(request.body()).map(|root| root.name)
        };
        let mut state = self.state();
        state.requests += 1;
        let n = state.requests;
        let (account, client) = if is_google {
            state.google.asker(request)
        } else {
            (caldav::Place::of(&path).user.or_else(|| caldav::claimed_user(request)), None)
        };
        let asked = Asked {
            account: account.as_deref(),
            feed: feed.as_deref(),
            method: request.method().as_str(),
            report: report.as_deref(),
            path: &path,
        };
        let seed = state.seed;
        let meets = |planted: &mut Planted| planted.meets(&asked, seed, now.as_second());
        let acts: Vec<Act> =
            state.faults.iter_mut().filter_map(|p| meets(p).then(|| p.fault.act.clone())).collect();
        let entry = Entry {
            n,
            at: now,
            path: feed.as_ref().map_or(path, |name| format!("/ics/{name}")),
            account: account.filter(|user| is_google || state.accounts.contains_key(user)),
            client,
            query: is_google.then(|| google::loggable(request)).flatten(),
            feed,
            method: request.method().as_str().to_owned(),
            depth: header(request, "depth"),
            report,
            conditional: CONDITIONS.iter().any(|name| request.headers().contains_key(*name)),
            status: None,
            bytes_in: request.body().len(),
            bytes_out: 0,
            faults: acts.iter().map(|act| act.word().to_owned()).collect(),
        };
        (entry, acts)
    }
}

const CONDITIONS: [&str; 3] = ["if-none-match", "if-modified-since", "if-match"];

fn header(request: &Request<Bytes>, name: &str) -> Option<String> {
    request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

fn sent_bytes(reply: &Reply) -> usize {
    match reply.extensions().get::<Delivery>() {
        Some(Delivery::Cut { keep }) => reply.body().len().min(*keep),
        _ => reply.body().len(),
    }
}

fn serve(
    state: &mut State,
    now: jiff::Timestamp,
    request: &Request<Bytes>,
    acts: &[Act],
) -> Result<Reply, Cut> {
    let origin = origin(request);
    let path = request.uri().path();
    let is_feed = feed::name_in(path).is_some();
    let is_google = google::is_ours(path);
    let shape = Shape {
        is_doubled: acts.contains(&Act::DuplicateRows),
        is_reversed: acts.contains(&Act::ReorderRows),
        is_empty: acts.contains(&Act::EmptyRows),
        is_halved: acts.contains(&Act::HalfRows),
    };
    let user = if is_google { state.google.asker(request).0 } else { None };
    let user =
        user.or_else(|| caldav::Place::of(path).user).or_else(|| caldav::claimed_user(request));
    for act in acts {
        let early = if is_google {
            state.google.seed = state.seed;
            state.google.before(user.as_deref(), now, act)
        } else {
            before(state, now, user.as_deref(), act)
        };
        if let Some(early) = early {
            return early;
        }
    }
    let mut reply = if is_feed {
        feed::answer(state, now, request)
    } else if is_google {
        google(state, now, request, shape, &origin)
    } else {
        caldav::answer(&mut Call { state, now, origin, request, shape, user: String::new() })
    };
    for act in acts {
        reply = after(reply, act)?;
    }
    Ok(reply)
}

fn google(
    state: &mut State,
    now: jiff::Timestamp,
    request: &Request<Bytes>,
    shape: Shape,
    origin: &str,
) -> Reply {
    state.google.seed = state.seed;
    let around = google::Around { now, n: state.requests, origin, shape };
    let reply = google::answer(&mut state.google, &around, request);
    state.outbox.append(&mut state.google.mails);
    reply
}

fn origin(request: &Request<Bytes>) -> String {
    let authority = request.uri().authority().map(|authority| authority.as_str().to_owned());
    let host = header(request, "host").or(authority).unwrap_or_else(|| "localhost".into());
    format!("{}://{host}", request.uri().scheme_str().unwrap_or("http"))
}

/// What a fault does before the front sees the request; an answer here is final.
fn before(
    state: &mut State,
    now: jiff::Timestamp,
    user: Option<&str>,
    act: &Act,
) -> Option<Result<Reply, Cut>> {
    if let Some(account) = user.and_then(|user| state.accounts.get_mut(user)) {
        meddle(account, now, act);
    }
    if *act == Act::DropBefore {
        return Some(Err(Cut::BeforeApply));
    }
    if let Act::Status { status, retry_after_s, body } = act {
        return Some(Ok(failure(*status, *retry_after_s, body)));
    }
    if let Act::RateLimit { retry_after_s, .. } = act {
        return Some(Ok(failure(429, Some(*retry_after_s), "")));
    }
    None
}

/// Changes the truth under a request, as another client or the provider would.
fn meddle(account: &mut AccountState, now: jiff::Timestamp, act: &Act) {
    let form = account.profile().write.etag;
    let calendars = &mut account.calendars;
    match act {
        Act::ExpireCursors => calendars.values_mut().for_each(CalendarState::expire_cursors),
        Act::RevokePassword => account.revoked = true,
        Act::ForeignEdit { calendar, name, body } => {
            let body = Bytes::copy_from_slice(body.as_bytes());
            calendars.get_mut(calendar).map(|found| found.store(name, body, form, now));
        }
        Act::ForeignDelete { calendar, name } => {
            calendars.get_mut(calendar).map(|found| found.remove(name, now));
        }
        Act::RoleChange { calendar, access } => {
            if let Some(found) = calendars.get_mut(calendar) {
                found.spec.access = *access;
                found.property_edits += 1;
            }
        }
        Act::CalendarGone { calendar, status } => {
            if let Some(found) = calendars.get_mut(calendar) {
                found.gone = Some(*status);
            }
        }
        Act::Latency { .. }
        | Act::DropBefore
        | Act::DropAfterApply
        | Act::Status { .. }
        | Act::StatusAfterApply { .. }
        | Act::RateLimit { .. }
        | Act::Body { .. }
        | Act::TruncateBody { .. }
        | Act::DuplicateRows
        | Act::ReorderRows
        | Act::EmptyRows
        | Act::HalfRows
        | Act::Spoil { .. }
        | Act::StripHeader { .. } => {}
    }
}

fn failure(status: u16, retry_after_s: Option<u64>, body: &str) -> Reply {
    let mut reply =
        reply::body(status, "text/plain; charset=utf-8", Bytes::copy_from_slice(body.as_bytes()));
    if let Some(seconds) = retry_after_s {
        reply.headers_mut().insert("retry-after", seconds.into());
    }
    reply
}

/// What a fault does to the answer of a request that took effect.
fn after(mut reply: Reply, act: &Act) -> Result<Reply, Cut> {
    match act {
        Act::DropAfterApply => return Err(Cut::AfterApply),
        Act::StatusAfterApply { status } => return Ok(reply::status(*status)),
        Act::Body { body, content_type } => {
            return Ok(reply::body(
                StatusCode::OK.as_u16(),
                content_type,
                Bytes::copy_from_slice(body.as_bytes()),
            ));
        }
        Act::TruncateBody { keep } => {
            reply.extensions_mut().insert(Delivery::Cut { keep: *keep });
        }
        Act::StripHeader { name } => {
            reply.headers_mut().remove(name.as_str());
        }
        Act::Spoil { how } => return Ok(spoilt(reply, *how)),
        Act::Latency { .. }
        | Act::DropBefore
        | Act::Status { .. }
        | Act::DuplicateRows
        | Act::ReorderRows
        | Act::EmptyRows
        | Act::HalfRows
        | Act::ExpireCursors
        | Act::RevokePassword
        | Act::RateLimit { .. }
        | Act::ForeignEdit { .. }
        | Act::ForeignDelete { .. }
        | Act::RoleChange { .. }
        | Act::CalendarGone { .. } => {}
    }
    Ok(reply)
}

fn spoilt(reply: Reply, how: Spoiling) -> Reply {
    let (mut parts, body) = reply.into_parts();
    let text = String::from_utf8_lossy(&body);
    let body = match how {
        Spoiling::Half => body.slice(..body.len() / 2),
        Spoiling::Utf16 => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        Spoiling::Latin1 => {
            body.iter().map(|byte| if *byte == b'e' { 0xE9 } else { *byte }).collect()
        }
        Spoiling::FalseGzip => {
            let gzip = http::HeaderValue::from_static("gzip");
            parts.headers.insert(http::header::CONTENT_ENCODING, gzip);
            body
        }
    };
    parts.headers.insert(http::header::CONTENT_LENGTH, body.len().into());
    Reply::from_parts(parts, body)
}
