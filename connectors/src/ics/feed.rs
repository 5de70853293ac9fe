//! The connector of one feed.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, header::HeaderName,
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{
    address::{self, Address},
    moved::Moved,
    snapshot::Snapshot,
};
use crate::{
    connector::{
        Account, CalendarFacts, CalendarRef, Connector, Coverage, Cursor, Known, Next, Page,
        RemoteCalendar, Traits, Window,
    },
    error::{Error, Kind, Result},
    event::Item,
    transport::{Call, Framed, Transport, http_date, landed, refusal},
};

const PROVIDER: &str = "ics";
const POLL_DEFAULT: Duration = Duration::from_secs(15 * 60);
const POLL_SHORTEST: Duration = Duration::from_secs(5 * 60);
const CACHE_LONGEST: Duration = Duration::from_secs(3600);
const POLL_LONGEST: Duration = Duration::from_secs(24 * 3600);

/// One feed.
pub struct Feed {
    transport: Transport,
    address: Address,
    moved: Mutex<Moved>,
    /// What the feed said of itself when it was last read: linking asks twice in a row.
    facts: Mutex<Option<CalendarFacts>>,
}

/// Where a pull resumes: the validators byte by byte, of which address, and what the content was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// A hash of the address that the validators belong to.
    of: String,
    etag: Option<String>,
    modified: Option<String>,
    hash: String,
}

/// What a fetch brought.
enum Fetched {
    NotModified,
    Body(Box<(Snapshot, Place)>),
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Feed {
    /// Makes a connector; nothing is sent yet. `learned` is what an earlier connector of the connection
    /// gave, or `Null`.
    ///
    /// # Errors
    ///
    /// [`Kind::Rejected`] when the address cannot be one.
    #[expect(clippy::needless_pass_by_value, reason = "a secret is handed over, not lent")]
    pub fn new(
        transport: Transport,
        url: SecretString,
        learned: serde_json::Value,
    ) -> Result<Self> {
        let address = Address::read(&url)?;
        let moved = serde_json::from_value(learned).unwrap_or_default();
        Ok(Self { transport, address, moved: Mutex::new(moved), facts: Mutex::default() })
    }

    /// Fetches from where the feed is by now. An address it had moved to and that is gone again is forgotten.
    async fn fetch(&self, operation: &'static str, place: Option<&Place>) -> Result<Fetched> {
        let moved_to = {
            let moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
            moved.target(self.address.url())
        };
        let Some(target) = moved_to else {
            return self.fetch_from(self.address.url(), operation, place).await;
        };
        match self.fetch_from(&target, operation, place).await {
            Err(error) if matches!(error.kind, Kind::CalendarGone | Kind::Dns | Kind::Tls) => {
                *self.moved.lock().unwrap_or_else(PoisonError::into_inner) = Moved::default();
                self.fetch_from(self.address.url(), operation, None).await
            }
            fetched => fetched,
        }
    }

    async fn fetch_from(
        &self,
        url: &Url,
        operation: &'static str,
        place: Option<&Place>,
    ) -> Result<Fetched> {
        let of = address::digest(url.as_str());
        let request = self.request(url, place.filter(|place| place.of == of))?;
        let reply = self.transport.send(&Call::new(PROVIDER, operation), request).await?;
        self.check(&reply, operation)?;
        if url == self.address.url() {
            let target = landed(&reply)
                .filter(|landed| landed.redirects > 0 && landed.permanently)
                .map(|landed| &landed.url);
            self.moved.lock().unwrap_or_else(PoisonError::into_inner).note(url, target);
        }
        if reply.status() == StatusCode::NOT_MODIFIED {
            return Ok(Fetched::NotModified);
        }
        let is_framed = reply.extensions().get::<Framed>().is_some_and(|framed| framed.0);
        let mut snapshot = Snapshot::read(reply.body(), is_framed).map_err(|error| Error {
            detail: format!("{}: {}", self.address.host(), error.detail),
            ..error.with_status(reply.status().as_u16())
        })?;
        snapshot.facts.poll_every = Some(poll_every(&snapshot.facts, reply.headers()));
        let modified = text(&reply, header::LAST_MODIFIED);
        snapshot.facts.published = modified.as_deref().and_then(http_date);
        *self.facts.lock().unwrap_or_else(PoisonError::into_inner) = Some(snapshot.facts.clone());
        let hash = snapshot.hash.clone();
        let place = Place { of, etag: text(&reply, header::ETAG), modified, hash };
        Ok(Fetched::Body(Box::new((snapshot, place))))
    }

    fn request(&self, url: &Url, place: Option<&Place>) -> Result<Request<Bytes>> {
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = Method::GET;
        *request.uri_mut() = url
            .as_str()
            .parse()
            .map_err(|_| Kind::Rejected.error("the address of the feed cannot be used"))?;
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT, HeaderValue::from_static("text/calendar, */*;q=0.1"));
        // The login belongs to the address it came with.
        let own = url.origin() == self.address.url().origin();
        if let Some(mut value) =
            self.address.login().filter(|_| own).and_then(|login| HeaderValue::from_str(login).ok())
        {
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        if let Some(place) = place {
            add(headers, header::IF_NONE_MATCH, place.etag.as_deref());
            add(headers, header::IF_MODIFIED_SINCE, place.modified.as_deref());
        }
        Ok(request)
    }

    fn check(&self, reply: &Response<Bytes>, operation: &str) -> Result<()> {
        let asked = format!("{operation} to {}", self.address.host());
        match reply.status() {
            StatusCode::OK | StatusCode::NOT_MODIFIED => Ok(()),
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                Err(Error { kind: Kind::CalendarGone, ..refusal(reply, &asked) })
            }
            // 204 and its like are no calendar, and certainly no empty one.
            status if status.is_success() => Err(Kind::BadReply
                .error(format!("{asked} was answered with {}", status.as_u16()))
                .with_status(status.as_u16())),
            _ => Err(refusal(reply, &asked)),
        }
    }

    /// What the feed says of itself, fetched unless just read.
    async fn facts(&self, is_fresh_enough: bool) -> Result<CalendarFacts> {
        let kept = self.facts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(facts) = kept.filter(|_| is_fresh_enough) {
            return Ok(facts);
        }
        match self.fetch("link", None).await? {
            Fetched::Body(body) => Ok(body.0.facts),
            Fetched::NotModified => Err(unasked()),
        }
    }
}

#[async_trait]
impl Connector for Feed {
    fn traits(&self) -> Traits {
        Traits {
            tombstones: false,
            cursors: false,
            concurrency: 1,
            poll_every: POLL_DEFAULT,
            full_every: Duration::from_secs(24 * 3600),
        }
    }

    async fn account(&self) -> Result<Account> {
        let facts = self.facts(false).await?;
        let host = self.address.host();
        let label = match facts.name.as_deref().map(str::trim).filter(|name| !name.is_empty()) {
            Some(name) => format!("{} ({host})", name.chars().take(200).collect::<String>()),
            None => host.to_owned(),
        };
        Ok(Account { identity: format!("ics:{}", self.address.identity()), label })
    }

    async fn list_calendars(&self) -> Result<Vec<RemoteCalendar>> {
        let facts = self.facts(true).await?;
        let name = facts.name.unwrap_or_else(|| self.address.host().to_owned());
        Ok(vec![RemoteCalendar {
            calendar: CalendarRef::new(""),
            name: name.chars().take(200).collect(),
            time_zone: facts.time_zone,
            writable: false,
            transparent: false,
        }])
    }

    async fn pull(
        &self,
        _calendar: &CalendarRef,
        _window: Window,
        cursor: Option<&Cursor>,
        known: &dyn Known,
    ) -> Result<Page> {
        // A cursor of another version costs one full fetch.
        let place: Option<Place> =
            cursor.and_then(|cursor| serde_json::from_str(cursor.as_str()).ok());
        match self.fetch("pull", place.as_ref()).await? {
            Fetched::NotModified => {
                // Only ever the answer to our own validators.
                let place = place.ok_or_else(unasked)?;
                Ok(nothing_new(&place, None))
            }
            Fetched::Body(body) => {
                let (snapshot, new) = *body;
                if place.as_ref().is_some_and(|old| old.hash == new.hash) {
                    return Ok(nothing_new(&new, Some(snapshot.facts)));
                }
                let calendar = Some(snapshot.facts.clone());
                let coverage =
                    if snapshot.is_whole { Coverage::Everything } else { Coverage::Delta };
                let changes = snapshot.changes(&known.versions().await?);
                // The validators of half a feed are those of the whole: asked with them, it would never come.
                let next = (coverage == Coverage::Everything).then(|| cursor_of(&new));
                Ok(Page { changes, coverage, next: Next::Resume(next), calendar })
            }
        }
    }

    async fn read_span(&self, _calendar: &CalendarRef, _span: Window) -> Result<Vec<Item>> {
        match self.fetch("read_span", None).await? {
            Fetched::Body(body) => Ok(body.0.items),
            Fetched::NotModified => Err(unasked()),
        }
    }

    fn learned(&self) -> serde_json::Value {
        let moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        serde_json::to_value(&*moved).unwrap_or_default()
    }
}

fn unasked() -> Error {
    Kind::BadReply.error("the feed answers \"not modified\" to an unconditional request")
}

fn nothing_new(place: &Place, calendar: Option<CalendarFacts>) -> Page {
    let next = Next::Resume(Some(cursor_of(place)));
    Page { changes: Vec::new(), coverage: Coverage::Delta, next, calendar }
}

fn cursor_of(place: &Place) -> Cursor {
    Cursor::new(serde_json::to_string(place).unwrap_or_default())
}

fn text(reply: &Response<Bytes>, name: HeaderName) -> Option<String> {
    reply.headers().get(name)?.to_str().ok().map(str::to_owned)
}

fn add(headers: &mut HeaderMap, name: HeaderName, value: Option<&str>) {
    if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
        headers.insert(name, value);
    }
}

/// The publisher's hint, else what caches are told, within our bounds.
fn poll_every(facts: &CalendarFacts, headers: &HeaderMap) -> Duration {
    let cached = || {
        let value = headers.get(header::CACHE_CONTROL)?.to_str().ok()?;
        let seconds = value.split(',').find_map(|part| part.trim().strip_prefix("max-age="))?;
        // `max-age=0` forbids reuse; it is no wish to be asked all the time.
        let seconds = seconds.trim().parse().ok().filter(|seconds| *seconds > 0)?;
        // What a cache may keep for a year is not what the publisher thinks of calendars.
        Some(Duration::from_secs(seconds).min(CACHE_LONGEST))
    };
    let hint = facts.poll_every.or_else(cached).unwrap_or(POLL_DEFAULT);
    hint.clamp(POLL_SHORTEST, POLL_LONGEST)
}
