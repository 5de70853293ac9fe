//! The lanes: what a row of each is about, when it may run, and when it is due again.

use std::time::Duration;

use super::{
    connect::Pace,
    drain::End,
    engine::Engine,
    error::SyncError,
    pausing::{ASLEEP, Use},
    pull::Ask,
    removal::Removal,
    schedule::{self, Failure, after},
};
use crate::{
    push::Cleared,
    store::{Share, StoreError, Taken, WorkRow},
};

/// How long a row steps aside for others that talk to its host.
pub(crate) const ASIDE: Duration = Duration::from_millis(500);
/// How soon, and how often in a row, work is tried again that our own store kept from its end.
const STORE_PAUSE: Duration = Duration::from_secs(15);
const STORE_TRIES: i64 = 8;
/// How often is looked whether a connection's calendars are cleared.
const CLEARING: Duration = Duration::from_secs(1);

/// A kind of work. What a row of it is about is its subject: a connection or a calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Erase a connection.
    Remove,
    /// List a connection's calendars.
    List,
    /// Expand a calendar's stored series into a later window, or another zone, without the network.
    Advance,
    /// Read a calendar's changes.
    Pull,
    /// See whether anything in the calendars has come to lie over a booking; the subject is the booking.
    Clash,
    /// Bring a calendar's part of a booking to its provider; the subject is `<booking>/<calendar>`.
    Deliver,
    /// Compare what a calendar holds with what its bookings want, without the network.
    Reconcile,
    /// Have the provider tell of a calendar's changes, for those that do.
    Watch,
}

impl Lane {
    /// All lanes, in the order in which a step drains them.
    pub const ALL: [Self; 8] = [
        Self::Remove,
        Self::List,
        Self::Advance,
        Self::Pull,
        Self::Reconcile,
        Self::Clash,
        Self::Deliver,
        Self::Watch,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Remove => "remove",
            Self::List => "list",
            Self::Advance => "advance",
            Self::Pull => "pull",
            Self::Clash => "clash",
            Self::Deliver => "deliver",
            Self::Reconcile => "reconcile",
            Self::Watch => "watch",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|lane| lane.as_str() == name)
    }
}

/// Drains of one kind that a process runs.
#[derive(Clone, Copy, Debug)]
pub struct Drains {
    pub name: &'static str,
    pub lane: Lane,
    pub share: Share,
    pub at_once: usize,
}

impl Drains {
    const fn new(name: &'static str, lane: Lane, share: Share, at_once: usize) -> Self {
        Self { name, lane, share, at_once }
    }

    /// All drains of a process. What failed last time may hang again for as long as a call may take: drains of its
    /// own run it, so that it holds up nothing that is well.
    pub const ALL: [Self; 12] = [
        Self::new("remove", Lane::Remove, Share::All, 1),
        Self::new("list", Lane::List, Share::Sound, 2),
        Self::new("list_failing", Lane::List, Share::Failing, 2),
        Self::new("advance", Lane::Advance, Share::All, 1),
        Self::new("pull", Lane::Pull, Share::Sound, 8),
        Self::new("pull_failing", Lane::Pull, Share::Failing, 8),
        Self::new("clash", Lane::Clash, Share::All, 1),
        Self::new("reconcile", Lane::Reconcile, Share::All, 1),
        Self::new("deliver", Lane::Deliver, Share::Sound, 8),
        Self::new("deliver_failing", Lane::Deliver, Share::Failing, 4),
        Self::new("watch", Lane::Watch, Share::Sound, 4),
        Self::new("watch_failing", Lane::Watch, Share::Failing, 1),
    ];

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|drains| drains.name == name)
    }
}

impl Engine {
    pub(super) async fn run_pull(&self, row: &WorkRow) -> Result<End, StoreError> {
        let Ok(calendar) = row.subject.parse() else { return Ok(End::Never) };
        let full = row
            .demand
            .as_ref()
            .and_then(|demand| demand.get("full"))
            .is_some_and(|full| full == true);
        let flight = self.flight(&calendar);
        let _alone = flight.lock().await;
        let found = async {
            let subject = self.subject(&row.tenant_id, &calendar).await?;
            let way = self.way(&subject, Use::Read).await?;
            Ok((subject, way))
        };
        let (subject, way) = match found.await {
            Ok(found) => found,
            Err(error) => return self.end_of(row, &error),
        };
        if let Some(aside) = self.steps_aside(row, &way.pace).await? {
            return Ok(aside);
        }
        let ask = Ask { full, dry: false, row: Some(row) };
        match self.pull_subject(subject, &way, ask).await {
            Ok(_) => Ok(End::Done),
            // The failure was noted, with the row.
            Err(SyncError::Provider(_)) => Ok(End::Done),
            Err(error) => self.end_of(row, &error),
        }
    }

    /// Asks for a claimed row's place at its host; when there is none now, answers when the row comes again.
    pub(crate) async fn steps_aside(
        &self,
        row: &WorkRow,
        pace: &Pace,
    ) -> Result<Option<End>, StoreError> {
        Ok(match self.enter(row, pace).await? {
            Taken::Yes => None,
            Taken::Busy => Some(End::Again(after(self.clock.now(), ASIDE), None)),
            Taken::Closed(until) => Some(End::Again(until, None)),
        })
    }

    pub(super) async fn run_list(&self, row: &WorkRow) -> Result<End, StoreError> {
        let Ok(connection) = row.subject.parse() else { return Ok(End::Never) };
        match self.list(row, &connection).await {
            Ok(next) => Ok(End::Again(next, None)),
            Err((SyncError::Provider(error), next)) => {
                Ok(End::Again(next, Some(error.kind.code())))
            }
            Err((error, _)) => self.end_of(row, &error),
        }
    }

    pub(super) async fn run_advance(&self, row: &WorkRow) -> Result<End, StoreError> {
        let Ok(calendar) = row.subject.parse() else { return Ok(End::Never) };
        match self.advance(&row.tenant_id, &calendar, Some(row)).await {
            Ok(()) => Ok(End::Done),
            Err(error) => self.end_of(row, &error),
        }
    }

    pub(super) async fn run_remove(&self, row: &WorkRow) -> Result<End, StoreError> {
        let Ok(connection) = row.subject.parse() else { return Ok(End::Never) };
        let left = match self.clear(&row.tenant_id, &connection, Removal::of(row)).await? {
            Cleared::Done { left } => left,
            Cleared::NotYet => return Ok(End::Again(after(self.clock.now(), CLEARING), None)),
        };
        self.close_channels(&row.tenant_id, &connection).await?;
        match self.take_back(row, &connection).await {
            Ok(None) | Err(SyncError::Gone) => {}
            Ok(Some(later)) => return Ok(End::Again(later, Some("unavailable"))),
            Err(error) => return self.end_of(row, &error),
        }
        match self.erase(&row.tenant_id, &connection, left, row).await {
            Ok(()) | Err(SyncError::Gone) => Ok(End::Never),
            Err(error) => self.end_of(row, &error),
        }
    }

    /// What a failure that is not the provider's means for the row.
    pub(crate) fn end_of(&self, row: &WorkRow, error: &SyncError) -> Result<End, StoreError> {
        let now = self.clock.now();
        let tries = u32::try_from(row.attempts).unwrap_or(u32::MAX);
        let every = Duration::from_secs(15 * 60);
        let retry = |failure| schedule::retry(now, failure, tries, every, &*self.entropy);
        Ok(match error {
            SyncError::Gone => End::Never,
            // Bounded: each time, somebody else got something done.
            SyncError::Overtaken => End::Again(after(now, Duration::from_secs(1)), None),
            SyncError::LeaseLost => End::Done,
            SyncError::HostClosed(until) => End::Again(*until, None),
            // Its own pause wakes it: till then it neither tries nor fails.
            SyncError::Paused => End::Again(schedule::next_poll(now, ASLEEP, &*self.entropy), None),
            SyncError::NotAsked => End::Again(retry(Failure::Lasting), None),
            SyncError::Secrets(source) => {
                tracing::error!(lane = row.lane, subject = row.subject, error = %source, "What is sealed cannot be opened.");
                End::Again(retry(Failure::Lasting), Some(error.code()))
            }
            // Most likely back within moments, and nothing of it is the provider's fault.
            SyncError::Store(_) if row.attempts <= STORE_TRIES => {
                tracing::warn!(lane = row.lane, subject = row.subject, %error, "Work waits for the store.");
                End::Again(after(now, STORE_PAUSE), Some(error.code()))
            }
            SyncError::Provider(_) | SyncError::Store(_) => {
                tracing::error!(lane = row.lane, subject = row.subject, %error, "Work failed.");
                End::Again(retry(Failure::Passing), Some(error.code()))
            }
        })
    }
}

impl Lane {
    /// How many rows one drain claims at once. A row that talks to somebody is claimed alone: the next one, and its
    /// place at its host, must not wait for it.
    pub(super) fn batch(self) -> i64 {
        match self {
            Self::Remove | Self::Advance | Self::Clash | Self::Reconcile => 8,
            Self::List | Self::Pull | Self::Deliver | Self::Watch => 1,
        }
    }
}
