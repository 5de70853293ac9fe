//! The engine: its parts, and what all of its work needs.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError, atomic::AtomicU64},
};

use connectors::Connector;
use ipnet::IpNet;
use serde_json::Value;
use tokio::sync::Notify;

use super::{
    channel::Ears,
    clockwork::Seen,
    connect::{Connectors, Login, Pace, allowed_networks},
    drain::Turns,
    error::SyncError,
    grants::Wallet,
    leases::Leases,
    pausing::Use,
    traffic::{Counted, Tally},
};
use crate::{
    audit::AuditLog,
    clock::{Clock, Entropy},
    model::ids::{CalendarId, ChangeId, ConnectionId, TenantId},
    secrets::{Place, SecretsError, Vault},
    store::{CalendarRow, ConnectionRow, NewChange, Store, StoreError, Tx},
};

/// What an engine is made of.
#[derive(Clone, Debug)]
pub struct Parts {
    pub store: Store,
    pub vault: Arc<Vault>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub connectors: Arc<dyn Connectors>,
}

/// Keeps the store in step with the providers.
pub struct Engine {
    pub(crate) store: Store,
    pub(crate) vault: Arc<Vault>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) connectors: Arc<dyn Connectors>,
    /// The access tokens of all connections.
    pub(crate) wallet: Arc<Wallet>,
    pub(crate) audit: Arc<AuditLog>,
    pub(super) leases: Leases,
    pub(super) tally: Tally,
    bell: Arc<Notify>,
    /// Names this process on the leases it takes.
    pub(super) owner: OnceLock<String>,
    /// Counts claims, to tell them apart.
    pub(super) claims: AtomicU64,
    pub(super) turn: Turns,
    flights: Mutex<HashMap<CalendarId, Arc<tokio::sync::Mutex<()>>>>,
    pub(super) seen: Seen,
    pub(super) ears: Ears,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("owner", &self.owner.get()).finish_non_exhaustive()
    }
}

/// A calendar and the connection it belongs to.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) tenant: TenantId,
    pub(crate) calendar: CalendarRow,
    pub(crate) connection: ConnectionRow,
}

/// What it takes to talk to a calendar's provider.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) login: Login,
    pub(crate) pace: Pace,
    /// See [`allowed_networks`].
    pub(crate) allow_net: Option<Vec<IpNet>>,
}

impl Way {
    pub(super) fn of(
        connection: &ConnectionRow,
        login: Login,
        allow_net: Option<Vec<IpNet>>,
    ) -> Self {
        let pace = login.pace(Some(&connection.identity));
        Self { login, pace, allow_net }
    }
}

impl Engine {
    pub fn new(parts: Parts) -> Self {
        let owner = OnceLock::new();
        let wallet = Arc::new(Wallet::new(parts.clone()));
        let Parts { store, vault, clock, entropy, connectors } = parts;
        let (leases, bell, flights) = (Leases::default(), Arc::default(), Mutex::default());
        let (claims, turn, tally) = (AtomicU64::new(0), Turns::default(), Tally::default());
        let seen = Seen::default();
        let audit = AuditLog::new(store.clone(), vault.clone(), clock.clone(), entropy.clone());
        let audit = Arc::new(audit);
        Self {
            store,
            vault,
            clock,
            entropy,
            connectors,
            wallet,
            audit,
            leases,
            tally,
            bell,
            owner,
            claims,
            turn,
            flights,
            seen,
            ears: Ears::default(),
        }
    }

    /// How its work ends, for `/metrics`.
    pub fn collectors(&self) -> Vec<Counted> {
        self.tally.collectors()
    }

    /// Where acts are written down.
    pub fn audit(&self) -> Arc<AuditLog> {
        Arc::clone(&self.audit)
    }

    /// The name of this hub on its leases.
    pub fn owner(&self) -> &str {
        self.owner.get_or_init(|| mint_name(&*self.entropy))
    }

    /// Rung when rows became due ahead of time.
    pub fn bell(&self) -> Arc<Notify> {
        Arc::clone(&self.bell)
    }

    /// Wakes the workers of this process.
    pub fn ring(&self) {
        self.bell.notify_one();
    }

    /// Reads a calendar with its connection.
    pub(crate) async fn subject(
        &self,
        tenant: &TenantId,
        calendar: &CalendarId,
    ) -> Result<Subject, SyncError> {
        let mut tx = self.store.read().await?;
        let calendar = tx.calendars().get(tenant, calendar).await?.ok_or(SyncError::Gone)?;
        let connection = tx.connections().get(tenant, &calendar.connection_id).await?;
        let connection = connection.ok_or(SyncError::Gone)?;
        Ok(Subject { tenant: tenant.clone(), calendar, connection })
    }

    /// Opens the login of a calendar's connection. Only what goes to the provider needs it.
    ///
    /// # Errors
    ///
    /// [`SyncError::Paused`] when nothing is to be asked of it.
    pub(crate) async fn way(&self, subject: &Subject, what: Use) -> Result<Way, SyncError> {
        let mut tx = self.store.read().await?;
        self.may(&mut tx, subject, what).await?;
        let login = match self.open_login(&mut tx, &subject.connection).await {
            // Sealed anew since it was read, and the key that sealed it before is gone: read it again.
            Err(SyncError::Secrets(_)) => {
                let id = &subject.connection.connection_id;
                let now =
                    tx.connections().get(&subject.tenant, id).await?.ok_or(SyncError::Gone)?;
                let opened = self.open_login(&mut tx, &now).await;
                if matches!(opened, Err(SyncError::Secrets(SecretsError::Tampered))) {
                    drop(tx);
                    self.unreadable(&now).await?;
                    return opened.map(|login| Way::of(&now, login, None));
                }
                opened?
            }
            other => other?,
        };
        let allow_net = allowed_networks(&mut tx, &subject.tenant).await?;
        Ok(Way::of(&subject.connection, login, allow_net))
    }

    /// Makes the connector of a calendar's connection; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// When the login's address cannot be one.
    pub(crate) fn connect(
        &self,
        connection: &ConnectionRow,
        way: &Way,
    ) -> connectors::Result<Arc<dyn Connector>> {
        let learned = connection.learned.clone();
        let tokens = match &way.login {
            Login::Caldav { .. } | Login::Ics { .. } => None,
            Login::OAuth(_) => Some(self.wallet.tokens(connection, &way.pace)),
        };
        self.connectors.connect(&way.login, learned, way.allow_net.as_deref(), tokens)
    }

    pub(crate) async fn open_login(
        &self,
        tx: &mut Tx,
        connection: &ConnectionRow,
    ) -> Result<Login, SyncError> {
        let place = login_place(&connection.tenant_id, &connection.connection_id);
        let plain = self.vault.unseal(tx, place, &connection.login).await?;
        Login::from_sealable(&plain)
            .ok_or(SyncError::Store(StoreError::Corrupt { table: "connections", column: "login" }))
    }

    /// The lock that keeps two pulls of one calendar apart in this process.
    pub(crate) fn flight(&self, calendar: &CalendarId) -> Arc<tokio::sync::Mutex<()>> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.retain(|_, flight| Arc::strong_count(flight) > 1);
        Arc::clone(flights.entry(calendar.clone()).or_default())
    }

    /// An entry for the change log.
    pub(crate) fn change(
        &self,
        tenant: &TenantId,
        kind: &str,
        actor: &str,
        subject: &str,
        body: Value,
    ) -> NewChange {
        NewChange {
            tenant_id: tenant.clone(),
            change_id: ChangeId::mint(&*self.clock, &*self.entropy),
            kind: kind.to_owned(),
            actor: actor.to_owned(),
            subject: subject.to_owned(),
            body,
            at: self.clock.now(),
        }
    }
}

/// A name for a process, on the leases that it takes.
pub fn mint_name(entropy: &dyn Entropy) -> String {
    let mut random = [0_u8; 8];
    entropy.fill(&mut random);
    format!("hub-{:016x}", u64::from_be_bytes(random))
}

/// Where a connection's login is sealed.
pub(crate) fn login_place<'a>(tenant: &'a TenantId, connection: &'a ConnectionId) -> Place<'a> {
    Place { tenant, row: connection.as_str(), column: "login" }
}
