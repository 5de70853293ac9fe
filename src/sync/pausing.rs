//! Pausing: an operator has the hub leave a provider, a tenant or a connection alone, without losing anything.
//!
//! Whoever is about to talk to a provider asks here first, in the transaction that reads the connection; so a pause
//! holds for every hub of the cell from its commit on. What has begun by then goes on to the end of its page or step.
//! Work that finds itself paused steps aside: it is not tried, not counted and not told as failing, and it is due at once
//! when the pause ends. Meanwhile evidence ages, and answers say so.

use std::time::Duration;

use super::{
    engine::{Engine, Subject},
    error::SyncError,
    timeline::Happened,
};
use crate::{
    audit::{Act, By, Verb},
    drill::{Bug, is_back},
    model::{
        ids::{ConnectionId, TenantId},
        states::Provider,
    },
    store::{PauseRow, Paused, StoreError, Target, Tx},
};

/// How often paused work looks again by itself; the end of the pause wakes it.
pub(super) const ASLEEP: Duration = Duration::from_secs(300);

/// What a provider is talked to for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Listings, pulls and live reads.
    Read,
    /// Deliveries, with the looks that belong to them.
    Write,
}

impl Use {
    fn is_held(self, by: Paused) -> bool {
        match self {
            Self::Read => by.reads,
            Self::Write => by.writes,
        }
    }
}

impl Engine {
    /// Refuses while somebody has paused this.
    ///
    /// # Errors
    ///
    /// [`SyncError::Paused`].
    pub(super) async fn may(
        &self,
        tx: &mut Tx,
        subject: &Subject,
        what: Use,
    ) -> Result<(), SyncError> {
        let connection = &subject.connection;
        let (id, provider) = (&connection.connection_id, connection.provider);
        let held = tx.pauses().on(&connection.tenant_id, id, provider).await?;
        if what.is_held(held) && !is_back(Bug::PauseUnheard) {
            Err(SyncError::Paused)
        } else {
            Ok(())
        }
    }

    /// Stops reading, writing or both; what was stopped already stays so. Answers how the target stands then, or
    /// `None` when there is no such connection.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn pause(
        &self,
        by: &By,
        target: &Target,
        what: Paused,
    ) -> Result<Option<PauseRow>, SyncError> {
        let mut tx = self.store.begin().await?;
        if !self.lock_target(&mut tx, target).await? {
            return Ok(None);
        }
        let before = tx.pauses().get(target).await?;
        let (actor, since) = match &before {
            Some(row) => (row.actor.clone(), row.since),
            None => (by.actor.to_string(), self.clock.now()),
        };
        let paused = before.map_or(what, |row| row.paused.and(what));
        let row = PauseRow { target: target.clone(), paused, actor, since };
        tx.pauses().put(&row).await?;
        self.note_pause(&mut tx, by, target, Verb::Paused, what).await?;
        tx.commit().await?;
        Ok(Some(row))
    }

    /// Lets reading, writing or both go on, as far as this target's own pause goes, and has what waited done at once.
    /// Answers how the target stands then, and how much was woken; `None` when there is no such connection.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn resume(
        &self,
        by: &By,
        target: &Target,
        what: Paused,
    ) -> Result<Option<(Paused, u64)>, SyncError> {
        let mut tx = self.store.begin().await?;
        if !self.lock_target(&mut tx, target).await? {
            return Ok(None);
        }
        let Some(row) = tx.pauses().get(target).await? else {
            return Ok(Some((Paused::default(), 0)));
        };
        let (lifted, paused) = (row.paused.within(what), row.paused.without(what));
        if paused.is_any() {
            tx.pauses().put(&PauseRow { paused, ..row }).await?;
        } else {
            tx.pauses().remove(target).await?;
        }
        self.note_pause(&mut tx, by, target, Verb::Resumed, lifted).await?;
        let woken = tx.pauses().wake(target, lifted, self.clock.now(), ASLEEP).await?;
        tx.commit().await?;
        self.ring();
        Ok(Some((paused, woken)))
    }

    /// One of several that pause and resume the same comes after the other; `false` when there is no such connection.
    async fn lock_target(&self, tx: &mut Tx, target: &Target) -> Result<bool, StoreError> {
        let Target::Connection(tenant, connection) = target else { return Ok(true) };
        tx.pauses().lock_connection(tenant, connection).await
    }

    async fn note_pause(
        &self,
        tx: &mut Tx,
        by: &By,
        target: &Target,
        verb: Verb,
        what: Paused,
    ) -> Result<(), SyncError> {
        let Paused { reads, writes } = what;
        let detail = serde_json::json!({ "reads": reads, "writes": writes });
        let act = match target {
            Target::Provider(provider) => Act::on_hub(verb).about(provider.as_str()),
            Target::Tenant(tenant) => Act::on(tenant, verb, tenant.as_str()),
            Target::Connection(tenant, connection) => Act::on(tenant, verb, connection.as_str()),
        };
        self.audit.note(tx, by, act.with(detail)).await?;
        let Target::Connection(tenant, connection) = target else { return Ok(()) };
        let happened = match verb {
            Verb::Paused => Happened::Paused { reads, writes },
            _ => Happened::Resumed { reads, writes },
        };
        self.tell_of_connection(tx, tenant, connection, happened).await
    }

    /// How a connection that is about to be made, or made anew, is held back.
    ///
    /// # Errors
    ///
    /// [`SyncError::Paused`] while nothing is to be read there.
    pub(crate) async fn may_link(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        connection: Option<&ConnectionId>,
        provider: Provider,
    ) -> Result<(), SyncError> {
        let rows = tx.pauses().of_tenant(tenant).await?;
        let concerns = |row: &PauseRow| match (&row.target, connection) {
            (Target::Connection(_, which), Some(connection)) => which == connection,
            (Target::Connection(..), None) => false,
            (Target::Provider(which), _) => *which == provider,
            (Target::Tenant(_), _) => true,
        };
        let held = rows.iter().any(|row| row.paused.reads && concerns(row));
        if held { Err(SyncError::Paused) } else { Ok(()) }
    }
}
