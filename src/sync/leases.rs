//! Which claimed rows this process works on, and keeping their leases while it does.
//!
//! A lease is short, so that the work of a hub that died is taken over soon, and a heartbeat extends all
//! leases of this process by one statement. A lease is only a courtesy: what keeps a holder that was frozen
//! from writing is the fence, checked in every transaction that writes ([`super::save`]).

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;

use super::engine::Engine;
use crate::{
    drill::{Bug, hurried, is_back},
    store::{Claimed, StoreError, Talk, WorkRow},
};

/// How long a claimed row stays with a hub that is not heard of.
const LEASE: Duration = Duration::from_secs(30);
/// How often a hub is heard of.
const BEAT: Duration = Duration::from_secs(8);
/// Beats after which work is given up: whatever hangs for an hour will not end.
const MOST_BEATS: u32 = 450;

pub(super) fn lease() -> Duration {
    hurried(LEASE)
}

/// The claims of this process.
#[derive(Debug, Default)]
pub(super) struct Leases {
    held: Mutex<HashMap<Claimed, Held>>,
    stopping: AtomicBool,
}

#[derive(Debug, Default)]
struct Held {
    beats: u32,
    /// Its places at hosts.
    talks: Vec<Talk>,
    /// Rung when the claim has passed to somebody else.
    lost: Arc<Notify>,
}

/// Claims that end with this, however the work ended.
#[derive(Debug)]
pub(super) struct Batch<'a> {
    leases: &'a Leases,
    claims: Vec<Claimed>,
}

impl Leases {
    fn held(&self) -> MutexGuard<'_, HashMap<Claimed, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the leases of rows that were just claimed.
    pub(super) fn hold(&self, rows: &[WorkRow]) -> Batch<'_> {
        let claims: Vec<Claimed> = rows.iter().map(Claimed::from).collect();
        let mut held = self.held();
        for (claim, row) in claims.iter().zip(rows) {
            let owner = row.lease_owner.clone().unwrap_or_default();
            let talks = row.host.clone().map(|host| Talk { host, owner }).into_iter().collect();
            held.insert(claim.clone(), Held { talks, ..Held::default() });
        }
        drop(held);
        Batch { leases: self, claims }
    }

    /// What rings when this claim is lost; `None` when it is no longer held.
    pub(super) fn loss(&self, claim: &Claimed) -> Option<Arc<Notify>> {
        self.held().get(claim).map(|held| Arc::clone(&held.lost))
    }

    /// Notes a place at a host that goes with this claim.
    pub(super) fn talks_to(&self, claim: &Claimed, talk: Talk) {
        if let Some(held) = self.held().get_mut(claim) {
            held.talks.push(talk);
        }
    }

    /// The places at hosts that go with this claim.
    pub(super) fn talks(&self, claim: &Claimed) -> Vec<Talk> {
        self.held().get(claim).map(|held| held.talks.clone()).unwrap_or_default()
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// The claims whose leases are to be extended.
    fn due(&self) -> (Vec<Claimed>, Vec<Talk>) {
        let mut held = self.held();
        held.retain(|claim, held| {
            held.beats += 1;
            let is_alive = held.beats <= MOST_BEATS;
            if !is_alive {
                tracing::error!(
                    lane = claim.lane,
                    subject = claim.subject,
                    "Work hangs and is given up."
                );
                held.lost.notify_one();
            }
            is_alive
        });
        let talks = held.values().flat_map(|held| held.talks.clone()).collect();
        (held.keys().cloned().collect(), talks)
    }

    /// Drops those of `asked` that are not among `kept`, and stops their work.
    fn lose(&self, asked: &[Claimed], kept: &[Claimed]) {
        let mut held = self.held();
        for claim in asked.iter().filter(|claim| !kept.contains(claim)) {
            if let Some(lost) = held.remove(claim) {
                tracing::warn!(
                    lane = claim.lane,
                    subject = claim.subject,
                    "A lease was lost; its work stops."
                );
                lost.lost.notify_one();
            }
        }
    }
}

impl Batch<'_> {
    /// This claim has ended.
    pub(super) fn end(&mut self, row: &WorkRow) {
        let claim = Claimed::from(row);
        self.leases.held().remove(&claim);
        self.claims.retain(|other| *other != claim);
    }

    /// The claims that have not ended.
    pub(super) fn rest(&self) -> &[Claimed] {
        &self.claims
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        let mut held = self.leases.held();
        for claim in &self.claims {
            held.remove(claim);
        }
    }
}

impl Engine {
    /// Extends the leases of all that this process works on.
    ///
    /// # Errors
    ///
    /// When the store fails; the leases then run on until they end.
    pub async fn beat(&self) -> Result<(), StoreError> {
        let (asked, talks) = self.leases.due();
        if asked.is_empty() {
            return Ok(());
        }
        let mut tx = self.store.begin().await?;
        let now = self.clock.now();
        let kept = tx.work().beat(&asked, lease(), now).await?;
        if !talks.is_empty() {
            tx.hosts().beat(&talks, lease(), now).await?;
        }
        tx.commit().await?;
        let kept: Vec<Claimed> = kept.iter().map(Claimed::from).collect();
        // An ended claim is not held any more: losing it changes nothing.
        if !is_back(Bug::LossUnnoticed) && !is_back(Bug::FenceUnchecked) {
            self.leases.lose(&asked, &kept);
        }
        Ok(())
    }

    /// Beats until it is dropped.
    pub async fn keep_leases(&self) {
        loop {
            let every = hurried(BEAT);
            let beat = tokio::time::timeout(every, self.beat()).await;
            let is_late = match beat {
                Ok(Ok(())) => false,
                Ok(Err(error)) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "Leases could not be extended."
                    );
                    true
                }
                Err(_) => true,
            };
            tokio::time::sleep(if is_late { every / 8 } else { every }).await;
        }
    }

    /// Claims nothing more, and gives back what is claimed and has not begun.
    pub fn wind_down(&self) {
        self.leases.stopping.store(true, Ordering::Relaxed);
    }

    /// Gives back every claim that is left, so that another hub need not wait for the leases to end.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn give_back(&self) -> Result<(), StoreError> {
        let left: Vec<Claimed> = self.leases.held().keys().cloned().collect();
        self.give_back_these(&left).await
    }

    pub(super) async fn give_back_these(&self, claims: &[Claimed]) -> Result<(), StoreError> {
        if claims.is_empty() {
            return Ok(());
        }
        let mut tx = self.store.begin().await?;
        tx.work().give_back(claims).await?;
        let mut talks: Vec<Talk> = claims.iter().flat_map(|it| self.leases.talks(it)).collect();
        talks.sort_by(|a, b| a.host.cmp(&b.host));
        for talk in talks {
            tx.hosts().leave(&talk).await?;
        }
        tx.commit().await
    }

    /// Works under this name from now on, and takes up what was cut short: what an earlier process of the same
    /// name had claimed, and on SQLite, where this must be the only hub, all that anybody had.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn take_over(&self, name: String) -> Result<(), StoreError> {
        let mut tx = self.store.begin().await?;
        let name = self.owner.get_or_init(|| name);
        let taken = tx.work().take_over(name).await?;
        tx.idempotency().take_over(name).await?;
        tx.hosts().take_over(name).await?;
        tx.commit().await?;
        if taken > 0 {
            tracing::info!(rows = taken, "Work that was cut short is taken up again.");
        }
        Ok(())
    }
}
