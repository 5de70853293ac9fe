//! The audit log: who did what, in a chain that shows every change made to it afterwards.
//!
//! Whoever acts writes an entry in the transaction of the act ([`AuditLog::note`]): one insert, which waits for nobody.
//! A moment later one sealer of the cell ([`AuditLog::seal`]) gives each entry its place: a number, and a keyed hash over
//! the link before, the number and the entry. The last link stands beside the table as a signed head, so that an end
//! that was cut off is missed. [`AuditLog::verify`] walks the whole chain. The key comes from the hub's key file: who
//! can only write the database can break the chain, but neither mend nor lengthen it.

mod chain;
mod seal;
mod verify;

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use self::chain::Head;
pub use self::{
    seal::Sealing,
    verify::{Broken, Fault, NotedHead, Verdict},
};
use crate::{
    clock::{Clock, Entropy},
    model::ids::{AuditId, TenantId},
    secrets::Vault,
    store::{AuditRow, Store, StoreError, Tx},
};

/// Who acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// `key:<id>`, `local` (the hub's own socket), `cli` (a command on the hub's machine) or `hub`.
    pub actor: Arc<str>,
    /// The request that asked for it.
    pub request: Option<Arc<str>>,
}

impl By {
    /// The hub itself.
    pub fn hub() -> Self {
        Self { actor: "hub".into(), request: None }
    }

    /// A command that works on its own.
    pub fn cli() -> Self {
        Self { actor: "cli".into(), request: None }
    }
}

macro_rules! verbs {
    ($($name:ident, $word:literal;)*) => {
        /// What is done. A new one is a line here, and a line where it is done.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Verb { $($name,)* }

        impl Verb {
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

verbs! {
    Paused, "paused";
    Resumed, "resumed";
    KeyMade, "key.made";
    KeyRemoved, "key.removed";
    TenantMade, "tenant.made";
    TenantChanged, "tenant.changed";
    TenantRemoved, "tenant.removed";
    ConnectionLinked, "connection.linked";
    ConnectionChanged, "connection.changed";
    ConnectionUnlinked, "connection.unlinked";
    ProviderAppSet, "provider_app.set";
    ProviderAppRemoved, "provider_app.removed";
    LinkSessionMade, "link_session.made";
    PolicySet, "resource.policy_set";
    SyncAsked, "sync.full_asked";
    ReconcileAsked, "reconcile.asked";
    JobRetried, "job.retried";
    JobDiscarded, "job.discarded";
    QuarantineConfirmed, "quarantine.confirmed";
    QuarantineRejected, "quarantine.rejected";
    QuarantineTakenBack, "quarantine.taken_back";
    OutboxRetried, "outbox.retried";
    OutboxSkipped, "outbox.skipped";
    OutboxAdopted, "outbox.adopted";
    ConflictResolved, "conflict.resolved";
    SecretsRotationBegun, "secrets.rotation_begun";
    SecretsRotated, "secrets.rotated";
    KeksForgotten, "secrets.keks_forgotten";
    BackupMade, "backup.made";
    BackupRestored, "backup.restored";
}

/// One act, to be written down.
#[derive(Clone, Debug)]
pub struct Act<'a> {
    tenant: Option<&'a TenantId>,
    verb: Verb,
    subject: &'a str,
    detail: Value,
}

impl<'a> Act<'a> {
    /// Something done to what this id names, which is the tenant's.
    pub fn on(tenant: &'a TenantId, verb: Verb, subject: &'a str) -> Self {
        Self { tenant: Some(tenant), verb, subject, detail: json!({}) }
    }

    /// Something done to the hub as a whole.
    pub fn on_hub(verb: Verb) -> Self {
        Self { tenant: None, verb, subject: "hub", detail: json!({}) }
    }

    /// Of the hub as a whole, what.
    #[must_use]
    pub fn about(self, subject: &'a str) -> Self {
        Self { subject, ..self }
    }

    /// With the hub's own words and ids about it: an entry is kept for good, so nothing that a person or a platform has
    /// given a name to.
    #[must_use]
    pub fn with(self, detail: Value) -> Self {
        Self { detail, ..self }
    }
}

/// Writes, seals and checks the audit log of one store.
pub struct AuditLog {
    store: Store,
    vault: Arc<Vault>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    /// The furthest head that this process has sealed or seen: one that lies before it was put back.
    seen: Mutex<Option<Head>>,
    /// One walk at a time: who asks ten times at once waits ten times.
    walking: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuditLog").finish_non_exhaustive()
    }
}

impl AuditLog {
    pub fn new(
        store: Store,
        vault: Arc<Vault>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let (seen, walking) = (Mutex::default(), tokio::sync::Mutex::default());
        Self { store, vault, clock, entropy, seen, walking }
    }

    /// Begins the chain, in the transaction that makes the first tenant. Whoever misses its head later knows that
    /// somebody has taken it away.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn begin(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let first = Head::first(&self.vault, self.clock.now());
        tx.instance().settle(chain::HEAD, &first.to_text()).await?;
        Ok(())
    }

    /// Writes an act down, in its own transaction.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn note(&self, tx: &mut Tx, by: &By, act: Act<'_>) -> Result<(), StoreError> {
        let mut row = AuditRow {
            tenant_id: act.tenant.map_or_else(String::new, TenantId::to_string),
            audit_id: AuditId::mint(&*self.clock, &*self.entropy).to_string(),
            verb: act.verb.as_str().to_owned(),
            subject: act.subject.to_owned(),
            actor: by.actor.to_string(),
            request_id: by.request.as_deref().map(str::to_owned),
            detail: act.detail.to_string(),
            at_us: self.clock.now().as_microsecond(),
            mac: String::new(),
            n: None,
            link: None,
        };
        row.mac = chain::mac_of(&self.vault, &row);
        tx.audit().insert(&row).await
    }

    /// Writes an act down that has no transaction of its own.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn note_alone(&self, by: &By, act: Act<'_>) -> Result<(), StoreError> {
        let mut tx = self.store.begin().await?;
        self.note(&mut tx, by, act).await?;
        tx.commit().await
    }
}
