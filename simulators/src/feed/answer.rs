//! What a fetch of a feed is answered with.

use std::io::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};

use super::{Content, FeedState, Gzip, Validators};
use crate::{
    call::Delivery,
    reply::{self, Reply},
    state::{State, digest},
};

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
    reply::body(status, "text/plain", Bytes::from_static(text.as_bytes()))
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
                b"<!doctype html><title>Log in</title><form></form>".to_vec(),
            ),
            Content::Json => ("application/json", b"{\"error\":\"not signed in\"}".to_vec()),
            Content::Empty => ("text/calendar", Vec::new()),
            Content::NoContent => return reply::body(204, "", Bytes::new()),
        };
        let (etag, modified) = self.validators(&body);
        if !knobs.never_304 && is_current(request, etag.as_deref(), modified.as_deref()) {
            let mut reply = reply::body(304, "", Bytes::new());
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
        body: Vec<u8>,
        request: &Request<Bytes>,
    ) -> Response<Bytes> {
        let accepts =
            header(request, "accept-encoding").is_some_and(|accepted| accepted.contains("gzip"));
        let zipped = match self.spec.knobs.gzip {
            Gzip::Always => Some(gzip(&body, 1)),
            Gzip::Asked if accepts => Some(gzip(&body, 1)),
            Gzip::Bomb { mib } => Some(gzip(&[b' '; 1 << 20], mib)),
            Gzip::Off | Gzip::Asked => None,
        };
        let Some(zipped) = zipped else {
            return reply::body(200, content_type, Bytes::from(body));
        };
        let mut reply = reply::body(200, content_type, zipped);
        set(&mut reply, "content-encoding", Some("gzip"));
        reply
    }

    fn validators(&self, body: &[u8]) -> (Option<String>, Option<String>) {
        let knobs = &self.spec.knobs;
        let churn = if knobs.validators == Validators::ChangingEtag { self.fetches } else { 0 };
        let hash: String =
            digest(&[churn.to_be_bytes().as_slice(), body].concat()).chars().take(20).collect();
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
    fn calendar(&self, now: Timestamp) -> Vec<u8> {
        let knobs = &self.spec.knobs;
        if let Some(bytes) = &self.spec.bytes {
            return bytes.clone();
        }
        let is_plain = !knobs.uid_churn && !knobs.dtstamp_churn;
        if is_plain && knobs.refresh_interval.is_none() && knobs.published_ttl.is_none() {
            return self.spec.body.clone().into_bytes();
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
                    text.push_str(&format!("DTSTAMP:{stamp}\r\n"));
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
        text.into_bytes()
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

fn empty_calendar() -> Vec<u8> {
    b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//calhub//simulator//EN\r\nEND:VCALENDAR\r\n"
        .to_vec()
}
