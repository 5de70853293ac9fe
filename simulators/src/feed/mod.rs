//! The feed front: iCalendar files at secret addresses, with every way of serving them badly.

mod answer;
mod samples;

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(crate) use answer::{answer, name_in};
pub use samples::{giant_event, large_feed, nested};

use crate::world::World;

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
    /// Served as they are instead of `body`: other encodings, broken bytes.
    pub bytes: Option<Vec<u8>>,
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
            feed.spec.bytes = None;
            feed.changed_at = now;
        });
    }

    /// Publishes bytes that need not be text.
    pub fn set_bytes(&self, bytes: impl Into<Vec<u8>>) {
        let now = self.world.now();
        self.edit(|feed| {
            feed.spec.bytes = Some(bytes.into());
            feed.changed_at = now;
        });
    }

    pub fn body(&self) -> String {
        self.edit(|feed| feed.spec.body.clone()).unwrap_or_default()
    }

    pub fn knobs(&self) -> FeedKnobs {
        self.edit(|feed| feed.spec.knobs.clone()).unwrap_or_default()
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
