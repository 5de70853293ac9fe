//! The seam between the hub and a provider. Each sentence of these docs is a promise, and each promise
//! is a test in [`crate::conformance`].

use std::{collections::HashMap, fmt, time::Duration};

use async_trait::async_trait;
use jiff::{Timestamp, civil};

use crate::{
    error::Result,
    event::{Item, ItemRef, Version},
};

/// One authorised login at one provider. Object-safe; pacing, tracing and injected faults live in
/// `transport`, not in decorators.
#[async_trait]
pub trait Connector: fmt::Debug + Send + Sync {
    /// Facts the sync engine plans around. Constant for a connection.
    fn traits(&self) -> Traits;

    /// Proves that the login works and names the account behind it.
    ///
    /// # Errors
    ///
    /// [`Kind::Unauthorized`](crate::Kind::Unauthorized) when the login is refused, never an empty answer.
    async fn account(&self) -> Result<Account>;

    /// Lists the calendars this login can see and that can hold events.
    async fn list_calendars(&self) -> Result<Vec<RemoteCalendar>>;

    /// Reads one page of changes after `cursor`, or of everything when `None`.
    ///
    /// The page says by its [`Coverage`] whether absence deletes. `known` is asked only by connectors
    /// that must compare versions themselves.
    ///
    /// # Errors
    ///
    /// [`Kind::CursorExpired`](crate::Kind::CursorExpired) when the provider no longer honours `cursor`.
    /// An expired cursor is never reported as an empty page, nor is a body that is not the protocol's.
    async fn pull(
        &self,
        calendar: &CalendarRef,
        window: Window,
        cursor: Option<&Cursor>,
        known: &dyn Known,
    ) -> Result<Page>;

    /// Reads, live, every item that may touch `span`, series with all their overrides. A provider that works
    /// series out itself answers what touches `span` of them, every occurrence an item.
    async fn read_span(&self, calendar: &CalendarRef, span: Window) -> Result<Vec<Item>>;

    /// Write access, for providers that allow it.
    fn writer(&self) -> Option<&dyn Writer> {
        None
    }

    /// Notifications, for providers that send them.
    fn channels(&self) -> Option<&dyn Channels> {
        None
    }

    /// What was learned about the server so far, to be kept with the connection and given back to the
    /// next connector of it. Opaque JSON; `Null` when there is nothing to learn.
    fn learned(&self) -> serde_json::Value {
        serde_json::Value::Null
    }
}

/// Writing one calendar. Every write is conditional.
#[async_trait]
pub trait Writer: Send + Sync {
    /// Creates the event of `key`; idempotent: a repeat finds the first and answers it.
    ///
    /// # Errors
    ///
    /// [`Effect::Unknown`](crate::Effect::Unknown) when the answer was lost: `find` before repeating.
    async fn create(
        &self,
        calendar: &CalendarRef,
        key: &WriteKey,
        draft: &Draft,
    ) -> Result<Written>;

    /// Reads back what `key` made, or `None`.
    async fn find(&self, calendar: &CalendarRef, key: &WriteKey) -> Result<Option<Written>>;

    /// Reads one item, or `None` when the provider says it is not there.
    async fn get(&self, calendar: &CalendarRef, item: &ItemRef) -> Result<Option<Item>>;

    /// Replaces what we own of the event, keeping what others added, and marks it as `key` says; fails with
    /// [`Kind::VersionConflict`](crate::Kind::VersionConflict) unless `expected` is still there.
    ///
    /// A draft that keeps words and time changes nothing that a person sees.
    async fn replace(
        &self,
        calendar: &CalendarRef,
        key: &WriteKey,
        item: &ItemRef,
        expected: &Version,
        draft: &Draft,
    ) -> Result<Written>;

    /// Deletes the event if `expected` is still there. An event that is gone already is a success.
    async fn delete(
        &self,
        calendar: &CalendarRef,
        item: &ItemRef,
        expected: &Version,
    ) -> Result<()>;
}

/// Notifications of changes. They carry nothing but the news that there is news: what a channel says is never
/// believed, only looked up.
#[async_trait]
pub trait Channels: Send + Sync {
    /// Has changes of a calendar told to an address of ours.
    ///
    /// # Errors
    ///
    /// [`Kind::NoPush`](crate::Kind::NoPush) when the provider never tells of this calendar;
    /// [`Kind::Rejected`](crate::Kind::Rejected) when it does not take the address.
    async fn open(&self, calendar: &CalendarRef, wanted: &WantedChannel) -> Result<OpenChannel>;

    /// Has an open channel live on; `None` where the provider can only open another one.
    ///
    /// # Errors
    ///
    /// [`Kind::Gone`](crate::Kind::Gone) when there is no such channel any more.
    async fn renew(
        &self,
        _channel: &OpenChannel,
        _wanted: &WantedChannel,
    ) -> Result<Option<OpenChannel>> {
        Ok(None)
    }

    /// Has no more told. A channel that is gone already is a success.
    async fn close(&self, channel: &str, resource: &str) -> Result<()>;
}

/// A channel to be opened.
#[derive(Clone, Debug)]
pub struct WantedChannel {
    /// Ours to choose; unique for ever, at most 64 characters.
    pub channel: String,
    /// What notifications must carry, at most 128 characters.
    pub secret: secrecy::SecretString,
    /// Where notifications go.
    pub address: url::Url,
    /// How long it is to live, from `now` on; the provider may grant less.
    pub lives: Duration,
    pub now: Timestamp,
}

/// A channel that the provider has opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenChannel {
    /// The provider's name for what is watched; notifications carry it, and closing needs it.
    pub resource: String,
    pub expires_at: Timestamp,
}

/// Lets a connector compare a listing with what the hub has, for providers without deltas.
#[async_trait]
pub trait Known: Send + Sync {
    /// Every item the hub has of the calendar, with its version.
    async fn versions(&self) -> Result<Versions>;

    /// Those items that could not be read so far ([`Version::tries`]).
    async fn unread(&self) -> Result<Versions> {
        let mut all = self.versions().await?;
        all.retain(|_, version| version.as_ref().and_then(Version::tries).is_some());
        Ok(all)
    }
}

/// Item versions by item.
pub type Versions = HashMap<ItemRef, Option<Version>>;

/// Facts, not verbs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traits {
    /// Deltas name what is gone; without, only a full listing shows it.
    pub tombstones: bool,
    /// There are deltas at all.
    pub cursors: bool,
    /// How many calls at once this provider likes.
    pub concurrency: usize,
    /// How often to ask when nobody nudges, unless the calendar says otherwise.
    pub poll_every: Duration,
    /// How often to list everything although deltas work, to catch what a server lost.
    pub full_every: Duration,
}

/// Who is behind a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Stable identity at the provider; the same account linked twice is the same connection.
    pub identity: String,
    /// What a person recognises it by. For a feed this never holds the secret path.
    pub label: String,
}

/// The provider's name for a calendar: a collection URL's path, a feed (`""`), a Google calendar id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CalendarRef(String);

/// Where the next pull resumes. Opaque, and only meaningful to its connector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(String);

impl CalendarRef {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Cursor {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A calendar as listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteCalendar {
    pub calendar: CalendarRef,
    pub name: String,
    /// IANA name of the zone for floating and all-day times, where the provider states one.
    pub time_zone: Option<String>,
    pub writable: bool,
    /// The whole calendar does not count as busy (`C:schedule-calendar-transp`).
    pub transparent: bool,
}

/// A half-open span of instants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub start: Timestamp,
    pub end: Timestamp,
}

/// One page of a pull.
#[derive(Clone, Debug)]
pub struct Page {
    pub changes: Vec<Change>,
    pub coverage: Coverage,
    pub next: Next,
    /// What the calendar says of itself, where it can change at any pull (feeds).
    pub calendar: Option<CalendarFacts>,
}

/// What a feed states about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CalendarFacts {
    pub name: Option<String>,
    pub time_zone: Option<String>,
    /// How often the publisher suggests to ask (REFRESH-INTERVAL, X-PUBLISHED-TTL), already clamped.
    pub poll_every: Option<Duration>,
    /// When the publisher made this state, where it says so (`Last-Modified`).
    pub published: Option<Timestamp>,
}

/// One item's news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Present(Item),
    /// Listed, and in the version the hub already has; not fetched again.
    Unchanged(ItemRef),
    /// The provider's word that it is gone.
    Gone(ItemRef),
}

/// Whether the round lists everything, so that absence deletes at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    Everything,
    Delta,
}

/// Where a round goes after this page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// More now, from here.
    More(Cursor),
    /// The round is complete; the next one resumes here, or lists everything when `None`.
    Resume(Option<Cursor>),
}

/// The identity of a create: derived from (booking, calendar, generation), so that a retry finds the first try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteKey {
    pub uid: String,
    pub marker: String,
}

/// What the hub wants a provider's calendar to hold for a booking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    pub start: DraftTime,
    pub end: DraftTime,
    pub title: String,
    pub description: Option<String>,
    pub location: Option<String>,
    pub private: bool,
    pub tentative: bool,
    /// Written into DTSTAMP and LAST-MODIFIED.
    pub stamped: Timestamp,
    pub sequence: i64,
    /// The zone in which the event is shown where it is looked at, if it has one. Instants stay what they are.
    pub zone: Option<jiff::tz::TimeZone>,
    /// Whom the provider invites, and mails. Nobody is mailed where this is empty.
    pub guests: Vec<Guest>,
    /// Whether a replaced event keeps the title, text, place, privacy and guests that it has.
    pub keeps_words: bool,
    /// Whether a replaced event keeps its time as it is written there.
    pub keeps_time: bool,
}

/// Somebody who is invited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// An e-mail address.
    pub address: String,
    pub name: Option<String>,
}

/// A draft's bound: an instant, or a date for all-day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DraftTime {
    At(Timestamp),
    On(civil::Date),
}

/// What stands at the provider after a write, as read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub item: Item,
}
