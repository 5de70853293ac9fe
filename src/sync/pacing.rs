//! Politeness towards hosts: one conversation of the engine a host and one live read beside it, none before
//! the instant it asked for. All hubs of a database share it ([`crate::store::Hosts`]), and a restart keeps it.
//!
//! A row of work that knows its host gets its place with the claim, in the same transaction, and gives it up in
//! the transaction that ends it. Only the first run of a row asks for it apart.

use std::{fmt::Write as _, time::Duration};

use connectors::{Kind, RetryAfter, Throttle};
use jiff::Timestamp;

use super::{
    connect::Pace,
    engine::Engine,
    error::SyncError,
    leases::lease,
    schedule::{after, not_before},
};
use crate::{
    drill::{Bug, hurried, is_back},
    secrets::Vault,
    store::{Claimed, HostPlace, StoreError, Taken, Talk, Tx, WorkRow},
};

/// How long a live read may keep its place: longer than any call takes.
const LIVE_LEASE: Duration = Duration::from_secs(60);
/// How long a live read waits for another one to end.
const LIVE_PATIENCE: u32 = 100;
const LIVE_LOOK: Duration = Duration::from_millis(200);

/// A live read's place at a host, given up at the end or, when it is dropped, a little later.
pub(crate) struct Live<'a> {
    engine: &'a Engine,
    talk: Option<Talk>,
}

impl Engine {
    /// What stands for a host in the store. It names neither the host nor a tenant.
    pub(super) fn host_key(&self, host: &str) -> String {
        match is_back(Bug::PacingPerProcess) {
            true => key_of(&self.vault, &format!("{host} {}", self.owner())),
            false => key_of(&self.vault, host),
        }
    }

    /// Asks for a claimed row's place at its host, unless the claim brought it.
    pub(crate) async fn enter(&self, row: &WorkRow, pace: &Pace) -> Result<Taken, StoreError> {
        let host = self.host_key(&pace.place);
        if let Some(until) = self.is_spent(pace).await? {
            return Ok(Taken::Closed(until));
        }
        if row.host.as_ref() == Some(&host) {
            return Ok(Taken::Yes);
        }
        let now = self.clock.now();
        let talk = Talk { host, owner: row.lease_owner.clone().unwrap_or_default() };
        let mut tx = self.store.begin().await?;
        // A key that only this process knows would keep others from the row.
        if !is_back(Bug::PacingPerProcess) {
            tx.work().set_host(row, &talk.host).await?;
        }
        let taken = tx.hosts().take(&talk, HostPlace::Engine, lease(), now).await?;
        tx.commit().await?;
        if taken == Taken::Yes {
            self.leases.talks_to(&Claimed::from(row), talk);
        }
        Ok(taken)
    }

    /// Gives up the places that a row took after its claim, in the transaction that ends the row.
    pub(super) async fn leave(&self, tx: &mut Tx, row: &WorkRow) -> Result<(), StoreError> {
        let talks = self.leases.talks(&Claimed::from(row));
        for talk in talks.into_iter().filter(|talk| Some(&talk.host) != row.host.as_ref()) {
            tx.hosts().leave(&talk).await?;
        }
        Ok(())
    }

    /// Until when an account is to leave its provider alone, because all that share its OAuth client are, or because
    /// there are no requests left for now. Those who wait for it come back one by one, not all at once.
    async fn is_spent(&self, pace: &Pace) -> Result<Option<Timestamp>, StoreError> {
        let Some(project) = &pace.project else { return Ok(None) };
        let (key, now) = (self.host_key(project), self.clock.now());
        let closed = self.store.glance().await?.hosts().closed_until(&key, now).await?;
        let until = match closed.filter(|_| !is_back(Bug::RetryAfterUnheard)) {
            Some(until) => Some(until),
            None => self.wallet.quota.begin(pace).await?,
        };
        let mut spread = [0; 2];
        self.entropy.fill(&mut spread);
        let spread = Duration::from_millis(u64::from(u16::from_be_bytes(spread)) / 4);
        Ok(until.map(|until| after(until, spread)))
    }

    /// Keeps every hub from a host, an account or an OAuth client's provider for as long as it asked for.
    pub(crate) async fn obey(&self, pace: &Pace, kind: &Kind) -> Result<(), StoreError> {
        let Kind::Throttled { retry_after: Some(asked), scope } = kind else { return Ok(()) };
        if is_back(Bug::RetryAfterUnheard) {
            return Ok(());
        }
        let closed = match (scope, &pace.project) {
            (Throttle::Project, Some(project)) => project,
            (Throttle::Project | Throttle::Account | Throttle::Host, _) => &pace.place,
        };
        let now = self.clock.now();
        let until = not_before(now, *asked);
        let mut tx = self.store.begin().await?;
        tx.hosts().close(&self.host_key(closed), until, now).await?;
        tx.commit().await
    }

    /// A host that is closed, in the words of a provider that says so itself.
    pub(crate) fn told_to_wait(&self, until: Timestamp) -> connectors::Error {
        let wait = until.duration_since(self.clock.now());
        let retry_after = Some(RetryAfter::In(wait.try_into().unwrap_or_default()));
        Kind::Throttled { retry_after, scope: Throttle::Host }
            .error("the host asked to be left alone")
    }

    /// Takes the place of live reads at a host, waiting a while for whoever has it.
    ///
    /// # Errors
    ///
    /// [`SyncError::HostClosed`] when the host asked to be left alone, or others keep reading.
    pub(crate) async fn enter_live(&self, pace: &Pace) -> Result<Live<'_>, SyncError> {
        if let Some(until) = self.is_spent(pace).await? {
            return Err(SyncError::HostClosed(until));
        }
        let talk = Talk { host: self.host_key(&pace.place), owner: self.next_owner() };
        for _ in 0..LIVE_PATIENCE {
            let now = self.clock.now();
            let mut tx = self.store.begin().await?;
            let taken = tx.hosts().take(&talk, HostPlace::Live, hurried(LIVE_LEASE), now).await?;
            tx.commit().await?;
            match taken {
                Taken::Yes => return Ok(Live { engine: self, talk: Some(talk) }),
                Taken::Closed(until) => return Err(SyncError::HostClosed(until)),
                Taken::Busy => tokio::time::sleep(LIVE_LOOK).await,
            }
        }
        Err(SyncError::HostClosed(after(self.clock.now(), LIVE_LOOK * 10)))
    }
}

/// What stands for a host, an account or an OAuth client in the store.
pub(super) fn key_of(vault: &Vault, name: &str) -> String {
    let hash = vault.hash_secret(&format!("host {name}"));
    hash.iter().take(16).fold(String::with_capacity(32), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

impl Live<'_> {
    /// Gives the place up.
    pub(crate) async fn leave(mut self) {
        if let Some(talk) = self.talk.take() {
            free(self.engine.store.clone(), talk).await;
        }
    }
}

impl Drop for Live<'_> {
    fn drop(&mut self) {
        let Some(talk) = self.talk.take() else { return };
        // Its caller went away in the middle.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(free(self.engine.store.clone(), talk));
        }
    }
}

async fn free(store: crate::store::Store, talk: Talk) {
    let freed = async {
        let mut tx = store.begin().await?;
        tx.hosts().leave(&talk).await?;
        tx.commit().await
    };
    if let Err(error) = freed.await {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(error, "A place at a host is left to the end of its lease.");
    }
}
