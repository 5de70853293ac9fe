//! The feed front: iCalendar files at secret addresses, with every way of serving them badly.

use std::{collections::VecDeque, io::Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    caldav::Reply,
    call::Delivery,
    state::{State, digest},
    world::World,
};

/// A published calendar file and how it is served.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeedSpec {
    pub name: String,
    /// With a secret the path is `/ics/{name}/private-{secret}/basic.ics`, else `/ics/{name}.ics`.
    pub secret: Option<String>,
    /// User and password, when the feed wants Basic credentials.
    pub login: Option<(String, String)>,
    pub body: String,
    pub knobs: FeedKnobs,
}

impl FeedSpec {
    pub fn new(name: &str, body: impl Into<String>) -> Self {
        Self { name: name.into(), body: body.into(), ..Self::default() }
    }

    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut FeedKnobs)) -> Self {
        change(&mut self.knobs);
        self
    }

    pub fn path(&self) -> String {
        match &self.secret {
            Some(secret) => format!("/ics/{}/private-{secret}/basic.ics", self.name),
            None => format!("/ics/{}.ics", self.name),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Validators {
    #[default]
    Both,
    Etag,
    LastModified,
    Neither,
    /// Another ETag at every fetch, whatever the content.
    ChangingEtag,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gzip {
    #[default]
    Off,
    /// When the client accepts it.
    Asked,
    Always,
    /// So many MiB of blanks in a few KiB.
    Bomb {
        mib: u32,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    #[default]
    Calendar,
    /// A login page with status 200.
    Html,
    Json,
    Empty,
    /// Status 204.
    NoContent,
    /// A valid calendar without events.
    NoEvents,
}

/// How a feed is served.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeedKnobs {
    pub validators: Validators,
    pub weak: bool,
    /// `Last-Modified` lies ten years ahead.
    pub from_the_future: bool,
    /// Answers 200 to conditional requests.
    pub never_304: bool,
    /// Statuses of a redirect chain in front of the content.
    pub redirects: Vec<u16>,
    /// The origin of the chain's addresses, when it changes.
    pub redirect_origin: Option<String>,
    /// The chain ends at this address instead of the content.
    pub redirect_to: Option<String>,
    /// The chain never ends.
    pub loops: bool,
    pub gzip: Gzip,
    pub content: Content,
    pub content_type: Option<String>,
    pub cache_control: Option<String>,
    /// Value of a `REFRESH-INTERVAL` to put in.
    pub refresh_interval: Option<String>,
    /// Value of an `X-PUBLISHED-TTL` to put in.
    pub published_ttl: Option<String>,
    /// All UIDs change with every fetch.
    pub uid_churn: bool,
    /// All DTSTAMPs change with every fetch.
    pub dtstamp_churn: bool,
    /// No `Content-Length`.
    pub chunked: bool,
    /// The connection is cut after so many bytes.
    pub truncate: Option<usize>,
    /// So many bytes at a time, with so many milliseconds between.
    pub drip: Option<(usize, u64)>,
    /// `Retry-After` of scripted failures.
    pub retry_after: Option<String>,
}

#[derive(Debug)]
pub(crate) struct FeedState {
    pub(crate) spec: FeedSpec,
    changed_at: Timestamp,
    pub(crate) fetches: u64,
    /// Statuses of the coming fetches; then the feed recovers.
    script: VecDeque<u16>,
}

/// A feed of a world.
#[derive(Clone, Debug)]
pub struct Feed {
    world: World,
    name: String,
}

impl World {
    /// Publishes a feed (or replaces the one of that name).
    pub fn add_feed(&self, spec: FeedSpec) -> Feed {
        let (name, changed_at) = (spec.name.clone(), self.now());
        let feed = FeedState { spec, changed_at, fetches: 0, script: VecDeque::new() };
        self.state().feeds.insert(name.clone(), feed);
        Feed { world: self.clone(), name }
    }

    pub fn feed(&self, name: &str) -> Option<Feed> {
        self.state()
            .feeds
            .contains_key(name)
            .then(|| Feed { world: self.clone(), name: name.to_owned() })
    }

    pub fn feeds(&self) -> Vec<Feed> {
        let names: Vec<_> = self.state().feeds.keys().cloned().collect();
        names.into_iter().map(|name| Feed { world: self.clone(), name }).collect()
    }
}

impl Feed {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The secret path.
    pub fn path(&self) -> String {
        self.edit(|feed| feed.spec.path()).unwrap_or_default()
    }

    /// Publishes other content.
    pub fn set(&self, body: impl Into<String>) {
        let now = self.world.now();
        self.edit(|feed| {
            feed.spec.body = body.into();
            feed.changed_at = now;
        });
    }

    pub fn body(&self) -> String {
        self.edit(|feed| feed.spec.body.clone()).unwrap_or_default()
    }

    pub fn tune(&self, change: impl FnOnce(&mut FeedKnobs)) {
        self.edit(|feed| change(&mut feed.spec.knobs));
    }

    /// The next fetches are answered with these statuses; after them the feed recovers.
    pub fn fail_next(&self, statuses: &[u16]) {
        self.edit(|feed| feed.script.extend(statuses));
    }

    /// How often it was asked for.
    pub fn fetches(&self) -> u64 {
        self.edit(|feed| feed.fetches).unwrap_or(0)
    }

    pub fn remove(&self) {
        self.world.state().feeds.remove(&self.name);
    }

    fn edit<R>(&self, change: impl FnOnce(&mut FeedState) -> R) -> Option<R> {
        self.world.state().feeds.get_mut(&self.name).map(change)
    }
}

/// The feed that a path names, if it lies where feeds are.
pub(crate) fn name_in(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/ics/")?;
    let name = rest.split('/').next()?;
    Some(name.strip_suffix(".ics").unwrap_or(name))
}

/// Answers a fetch.
pub(crate) fn answer(state: &mut State, now: Timestamp, request: &Request<Bytes>) -> Reply {
    let path = request.uri().path();
    let feed = name_in(path)
        .and_then(|name| state.feeds.get_mut(name))
        .filter(|feed| feed.spec.path() == path);
    let Some(feed) = feed else { return plain(404, "Not found.") };
    feed.fetches += 1;
    if let Some(status) = feed.script.pop_front() {
        let mut reply = plain(status, "Out of order.");
        set(&mut reply, "retry-after", feed.spec.knobs.retry_after.as_deref());
        return reply;
    }
    if !feed.lets_in(request) {
        let mut reply = plain(401, "Log in.");
        set(&mut reply, "www-authenticate", Some("Basic realm=\"feed\""));
        return reply;
    }
    feed.redirect(request).unwrap_or_else(|| feed.serve(now, request))
}

fn plain(status: u16, text: &'static str) -> Reply {
    crate::caldav_reply(status, "text/plain", Bytes::from_static(text.as_bytes()))
}

fn set(reply: &mut Reply, name: &'static str, value: Option<&str>) {
    if let Some(value) = value.and_then(|value| http::HeaderValue::from_str(value).ok()) {
        reply.headers_mut().insert(name, value);
    }
}

fn header<'a>(request: &'a Request<Bytes>, name: &str) -> Option<&'a str> {
    request.headers().get(name).and_then(|value| value.to_str().ok())
}

impl FeedState {
    fn lets_in(&self, request: &Request<Bytes>) -> bool {
        let Some((user, password)) = &self.spec.login else { return true };
        let wanted = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        header(request, "authorization") == Some(wanted.as_str())
    }

    fn redirect(&self, request: &Request<Bytes>) -> Option<Reply> {
        let knobs = &self.spec.knobs;
        let hop = request
            .uri()
            .query()
            .and_then(|query| query.strip_prefix("hop="))
            .and_then(|n| n.parse().ok());
        let hop: usize = hop.unwrap_or(0);
        let status = match knobs.redirects.get(hop) {
            Some(status) => *status,
            None if knobs.loops => 302,
            None => return None,
        };
        let is_last = hop + 1 >= knobs.redirects.len();
        let origin = knobs.redirect_origin.as_deref().unwrap_or_default();
        let next = format!("{origin}{}?hop={}", self.spec.path(), hop + 1);
        let location = knobs.redirect_to.clone().filter(|_| is_last).unwrap_or(next);
        let mut reply = plain(status, "Moved.");
        set(&mut reply, "location", Some(&location));
        Some(reply)
    }

    fn serve(&self, now: Timestamp, request: &Request<Bytes>) -> Reply {
        let knobs = &self.spec.knobs;
        let (content_type, body) = match knobs.content {
            Content::Calendar => ("text/calendar; charset=utf-8", self.calendar(now)),
            Content::NoEvents => ("text/calendar; charset=utf-8", empty_calendar()),
            Content::Html => (
                "text/html; charset=utf-8",
                "<!doctype html><title>Log in</title><form></form>".into(),
            ),
            Content::Json => ("application/json", "{\"error\":\"not signed in\"}".into()),
            Content::Empty => ("text/calendar", String::new()),
            Content::NoContent => return crate::caldav_reply(204, "", Bytes::new()),
        };
        let (etag, modified) = self.validators(&body);
        if !knobs.never_304 && is_current(request, etag.as_deref(), modified.as_deref()) {
            let mut reply = crate::caldav_reply(304, "", Bytes::new());
            set(&mut reply, "etag", etag.as_deref());
            set(&mut reply, "last-modified", modified.as_deref());
            return reply;
        }
        let content_type = knobs.content_type.as_deref().unwrap_or(content_type);
        let mut reply = self.packed(content_type, body, request);
        set(&mut reply, "etag", etag.as_deref());
        set(&mut reply, "last-modified", modified.as_deref());
        set(&mut reply, "cache-control", knobs.cache_control.as_deref());
        reply.extensions_mut().insert(self.delivery());
        reply
    }

    fn delivery(&self) -> Delivery {
        let knobs = &self.spec.knobs;
        match (knobs.truncate, knobs.drip, knobs.chunked) {
            (Some(keep), ..) => Delivery::Cut { keep },
            (None, Some((bytes, pause_ms)), _) => Delivery::Drip { bytes, pause_ms },
            (None, None, true) => Delivery::Chunked,
            (None, None, false) => Delivery::Whole,
        }
    }

    fn packed(
        &self,
        content_type: &str,
        body: String,
        request: &Request<Bytes>,
    ) -> Response<Bytes> {
        let accepts =
            header(request, "accept-encoding").is_some_and(|accepted| accepted.contains("gzip"));
        let zipped = match self.spec.knobs.gzip {
            Gzip::Always => Some(gzip(body.as_bytes(), 1)),
            Gzip::Asked if accepts => Some(gzip(body.as_bytes(), 1)),
            Gzip::Bomb { mib } => Some(gzip(&[b' '; 1 << 20], mib)),
            Gzip::Off | Gzip::Asked => None,
        };
        let Some(zipped) = zipped else {
            return crate::caldav_reply(200, content_type, Bytes::from(body));
        };
        let mut reply = crate::caldav_reply(200, content_type, zipped);
        set(&mut reply, "content-encoding", Some("gzip"));
        reply
    }

    fn validators(&self, body: &str) -> (Option<String>, Option<String>) {
        let knobs = &self.spec.knobs;
        let churn = if knobs.validators == Validators::ChangingEtag { self.fetches } else { 0 };
        let hash: String = digest(format!("{churn}/{body}").as_bytes()).chars().take(20).collect();
        let etag = if knobs.weak { format!("W/\"{hash}\"") } else { format!("\"{hash}\"") };
        let ahead = SignedDuration::from_hours(if knobs.from_the_future { 87_600 } else { 0 });
        let at = self.changed_at.saturating_add(ahead).unwrap_or(self.changed_at);
        let modified = at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        match knobs.validators {
            Validators::Both => (Some(etag), Some(modified)),
            Validators::Etag | Validators::ChangingEtag => (Some(etag), None),
            Validators::LastModified => (None, Some(modified)),
            Validators::Neither => (None, None),
        }
    }

    /// The calendar text with the hints and churns that the knobs ask for.
    fn calendar(&self, now: Timestamp) -> String {
        let knobs = &self.spec.knobs;
        let is_plain = !knobs.uid_churn && !knobs.dtstamp_churn;
        if is_plain && knobs.refresh_interval.is_none() && knobs.published_ttl.is_none() {
            return self.spec.body.clone();
        }
        let stamp = now
            .saturating_add(SignedDuration::from_secs(self.fetches.cast_signed()))
            .unwrap_or(now);
        let stamp = crate::span::utc_text(stamp);
        let mut text = String::new();
        for line in self.spec.body.split_inclusive('\n') {
            match line.split_once([':', ';']).map(|(name, _)| name) {
                Some("UID") if knobs.uid_churn => {
                    text.push_str(line.trim_end());
                    text.push_str(&format!("-{}\r\n", self.fetches));
                }
                Some("DTSTAMP") if knobs.dtstamp_churn => {
                    text.push_str(&format!("DTSTAMP:{stamp}\r\n"))
                }
                _ => text.push_str(line),
            }
            if line.trim_end() == "BEGIN:VCALENDAR" {
                for (name, value) in [
                    ("REFRESH-INTERVAL;VALUE=DURATION", &knobs.refresh_interval),
                    ("X-PUBLISHED-TTL", &knobs.published_ttl),
                ] {
                    text.extend(value.as_ref().map(|value| format!("{name}:{value}\r\n")));
                }
            }
        }
        text
    }
}

/// `If-None-Match` wins over `If-Modified-Since`.
fn is_current(request: &Request<Bytes>, etag: Option<&str>, modified: Option<&str>) -> bool {
    match (header(request, "if-none-match"), etag) {
        (Some(known), Some(etag)) => {
            let core = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
            known.split(',').any(|tag| core(tag) == core(etag))
        }
        _ => modified.is_some() && header(request, "if-modified-since") == modified,
    }
}

fn gzip(part: &[u8], times: u32) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    for _ in 0..times {
        let _ = encoder.write_all(part);
    }
    encoder.finish().unwrap_or_default().into()
}

fn empty_calendar() -> String {
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//calhub//simulator//EN\r\nEND:VCALENDAR\r\n".into()
}

/// A calendar of `events` events of an hour, one after the other from `start`.
pub fn large_feed(events: usize, start: Timestamp) -> String {
    let mut text =
        String::from("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//calhub//simulator//EN\r\n");
    for n in 0..events {
        let hours = i64::try_from(n).unwrap_or(i64::MAX);
        let at = start.saturating_add(SignedDuration::from_hours(hours)).unwrap_or(start);
        let at = crate::span::utc_text(at);
        text.push_str(&format!(
            "BEGIN:VEVENT\r\nUID:{n}@large.example\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:{at}\r\nDURATION:PT1H\r\n\
             SUMMARY:Event {n}\r\nEND:VEVENT\r\n"
        ));
    }
    text.push_str("END:VCALENDAR\r\n");
    text
}

/// A calendar whose one event has a description of so many bytes.
pub fn giant_event(bytes: usize) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//calhub//simulator//EN\r\nBEGIN:VEVENT\r\nUID:giant@example\r\n\
         DTSTAMP:20260101T000000Z\r\nDTSTART:20270301T090000Z\r\nDURATION:PT1H\r\nDESCRIPTION:{}\r\nEND:VEVENT\r\n\
         END:VCALENDAR\r\n",
        "x".repeat(bytes)
    )
}

/// A calendar that nests components so deep.
pub fn nested(depth: usize) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{}{}END:VCALENDAR\r\n",
        "BEGIN:VEVENT\r\n".repeat(depth),
        "END:VEVENT\r\n".repeat(depth)
    )
}
