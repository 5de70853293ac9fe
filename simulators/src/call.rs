//! One request from its arrival to its answer: faults, the front it belongs to, the log.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{Request, Response};

use crate::{
    caldav::{self, Call, Shape},
    control,
    effect::{after, before},
    fault::{Act, Asked, Planted},
    feed, google,
    log::Entry,
    microsoft, page,
    reply::Reply,
    state::State,
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
        let turn = self.take_turn(&request).await;
        let handshakes = microsoft::handshakes(self, &request).await;
        let wait: u64 =
            acts.iter().map(|act| if let Act::Latency { ms } = act { *ms } else { 0 }).sum();
        if wait > 0 {
            self.sleep(Duration::from_millis(wait)).await;
        }
        let now = self.now();
        let mut state = self.state();
        let outside = Outside { is_over: turn.is_over, handshakes: &handshakes };
        let mut answer = serve(&mut state, now, &request, &acts, &outside);
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
        if state.google.has_post() || state.microsoft.has_post() {
            self.tell_of_post();
        }
        drop(state);
        drop(turn);
        answer
    }

    /// Counts a request among those that its mailbox serves at the same time, and lets others run as the knob says.
    async fn take_turn(&self, request: &Request<Bytes>) -> Turn {
        let (lane, is_over, yields) = {
            let mut state = self.state();
            let lane = state.microsoft.lane_of(request);
            let is_over = lane.as_ref().is_some_and(|lane| state.microsoft.enter(lane));
            let yields = if lane.is_some() { state.microsoft.knobs.yields } else { 0 };
            (lane, is_over, yields)
        };
        let turn = Turn { world: self.clone(), lane, is_over };
        for _ in 0..yields {
            tokio::task::yield_now().await;
        }
        turn
    }

    /// Counts the request and picks the faults that act on it.
    fn arrive(&self, request: &Request<Bytes>) -> (Entry, Vec<Act>) {
        let now = self.now();
        let path = request.uri().path().to_owned();
        let feed = feed::name_in(&path).map(str::to_owned);
        let front = Front::of(&path);
        let is_dav = front == Front::Dav;
        let report = if front == Front::Google {
            google::method_of(request).map(str::to_owned)
        } else if front == Front::Microsoft {
            microsoft::method_of(request).map(str::to_owned)
        } else {
            caldav::xml::Element::parse(request.body()).map(|root| root.name)
        };
        let mut state = self.state();
        state.requests += 1;
        let n = state.requests;
        let (account, client) = match front {
            Front::Google => state.google.asker(request),
            Front::Microsoft => state.microsoft.asker(request),
            Front::Dav => {
                (caldav::Place::of(&path).user.or_else(|| caldav::claimed_user(request)), None)
            }
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
            account: account.filter(|user| !is_dav || state.accounts.contains_key(user)),
            client,
            query: match front {
                Front::Google => google::loggable(request),
                Front::Microsoft => microsoft::loggable(request),
                Front::Dav => None,
            },
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

/// A request's place among those that a mailbox serves at the same time, given back however the request ends.
struct Turn {
    world: World,
    lane: Option<String>,
    is_over: bool,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(lane) = self.lane.take() {
            self.world.state().microsoft.leave(&lane);
        }
    }
}

/// What was found out about a request before it is served.
struct Outside<'a> {
    is_over: bool,
    handshakes: &'a [microsoft::Handshake],
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

/// Whose paths a request asks for; feeds are with the CalDAV servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Front {
    Google,
    Microsoft,
    Dav,
}

impl Front {
    fn of(path: &str) -> Self {
        if google::is_ours(path) {
            return Self::Google;
        }
        if microsoft::is_ours(path) { Self::Microsoft } else { Self::Dav }
    }
}

fn serve(
    state: &mut State,
    now: jiff::Timestamp,
    request: &Request<Bytes>,
    acts: &[Act],
    outside: &Outside<'_>,
) -> Result<Reply, Cut> {
    let origin = origin(request);
    let path = request.uri().path();
    let front = Front::of(path);
    let shape = Shape {
        is_doubled: acts.contains(&Act::DuplicateRows),
        is_reversed: acts.contains(&Act::ReorderRows),
        is_empty: acts.contains(&Act::EmptyRows),
        is_halved: acts.contains(&Act::HalfRows),
    };
    state.google.seed = state.seed;
    state.microsoft.seed = state.seed;
    let user = match front {
        Front::Google => state.google.asker(request).0,
        Front::Microsoft => state.microsoft.asker(request).0,
        Front::Dav => None,
    };
    let user =
        user.or_else(|| caldav::Place::of(path).user).or_else(|| caldav::claimed_user(request));
    for act in acts {
        let early = match front {
            Front::Google => state.google.before(user.as_deref(), now, act),
            Front::Microsoft => state.microsoft.before(user.as_deref(), now, act),
            Front::Dav => before(state, now, user.as_deref(), act),
        };
        if let Some(early) = early {
            return early;
        }
    }
    let mut reply = match front {
        Front::Google => google(state, now, request, shape, &origin),
        Front::Microsoft => microsoft(state, now, request, shape, (&origin, outside)),
        Front::Dav if feed::name_in(path).is_some() => feed::answer(state, now, request),
        Front::Dav => {
            caldav::answer(&mut Call { state, now, origin, request, shape, user: String::new() })
        }
    };
    for act in acts {
        reply = after(reply, act)?;
    }
    Ok(reply)
}

fn microsoft(
    state: &mut State,
    now: jiff::Timestamp,
    request: &Request<Bytes>,
    shape: Shape,
    (origin, outside): (&str, &Outside<'_>),
) -> Reply {
    let Outside { is_over, handshakes } = *outside;
    let around = microsoft::Around { now, n: state.requests, origin, shape, is_over, handshakes };
    let reply = microsoft::answer(&mut state.microsoft, &around, request);
    state.outbox.append(&mut state.microsoft.mails);
    reply
}

fn google(
    state: &mut State,
    now: jiff::Timestamp,
    request: &Request<Bytes>,
    shape: Shape,
    origin: &str,
) -> Reply {
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
