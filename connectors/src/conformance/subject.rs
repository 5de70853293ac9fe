//! What a promise is tested on.

use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;

use crate::{
    connector::{CalendarRef, Connector},
    error::Error,
    transport::Counts,
};

/// A promise was not kept, and how.
#[derive(Debug)]
pub struct Broken(pub String);

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Broken(format!("{} ({:?})", error, error.kind))
    }
}

/// What became of a promise.
pub type Kept = Result<(), Broken>;

/// Fails a promise unless `holds`.
pub(super) fn ensure(holds: bool, what: impl FnOnce() -> String) -> Kept {
    if holds { Ok(()) } else { Err(Broken(what())) }
}

/// What a provider can do and what its hand can make it do. A promise that asks for more is not tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// Its deltas name what is gone.
    pub tombstones: bool,
    /// Cursors can be made to expire, and the provider says so.
    pub expires_cursors: bool,
    pub revokes_login: bool,
    pub throttles: bool,
    pub drops_replies: bool,
    pub answers_garbage: bool,
    pub removes_calendar: bool,
    /// An unchanged calendar can be told without reading it.
    pub idles_cheaply: bool,
    /// Unchanged items are told apart without their bodies.
    pub has_versions: bool,
    /// It works series out itself: what is read are occurrences, within the window that is asked for.
    pub expands: bool,
    /// How many events make many; more than 500 show the connector's own pages.
    pub many: usize,
}

/// Answers that are not the protocol's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Garbage {
    /// A login page with status 200.
    Html,
    Json,
    /// Nothing, with status 200.
    Empty,
    /// The beginning of the right answer, then a cut connection.
    Truncated,
}

impl Garbage {
    pub const ALL: [Garbage; 4] =
        [Garbage::Html, Garbage::Json, Garbage::Empty, Garbage::Truncated];
}

/// A connector and a hand on its provider's side, acting as another program of the same person.
#[async_trait]
pub trait Subject: Send + Sync {
    fn abilities(&self) -> Abilities;

    /// A new connector with the right login that has learned `learned`.
    fn connector(&self, learned: serde_json::Value) -> Box<dyn Connector>;

    /// The calendar that the promises play in.
    fn calendar(&self) -> CalendarRef;

    /// Puts an event there or replaces it. `ics` is a VCALENDAR with everything of one UID.
    async fn put(&self, name: &str, ics: &str);

    async fn delete(&self, name: &str);

    /// How many events of a UID stand there.
    async fn count(&self, uid: &str) -> usize;

    /// The bodies that stand there, in one text.
    async fn stored(&self) -> String;

    /// What the connectors of this subject sent and received so far.
    fn counts(&self) -> Counts;

    /// What must never be in the text of an error: passwords, paths.
    fn secrets(&self) -> Vec<SecretString>;

    async fn expire_cursors(&self) {}

    async fn revoke_login(&self) {}

    /// The next call is refused for being one too many.
    async fn throttle_next(&self, _retry_after: Duration) {}

    /// The next write takes effect, and its answer is lost.
    async fn drop_next_reply(&self) {}

    /// Every answer of the calendar is this from now on.
    async fn answer_garbage(&self, _garbage: Garbage) {}

    async fn answer_well_again(&self) {}

    async fn remove_calendar(&self) {}
}
