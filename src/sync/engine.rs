//! The engine: its parts, its lanes, and the way from a due row to its end.
//!
//! A lane's drain claims a few due rows, runs each, and says on the row when it is due again. Running is
//! idempotent, so a crash, a lost lease or a second process cost a repetition and nothing else. Workers
//! ([`crate::queue`]) call [`Engine::drain`]; tests and the simulation call it themselves.

use std::{
    collections::HashMap,
    fmt,
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::FutureExt;
use ipnet::IpNet;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Notify;
use tracing::Instrument as _;

use super::{
    clockwork::Seen,
    connect::{Connectors, Login, allowed_networks},
    error::SyncError,
    leases::{Leases, lease},
    schedule::after,
    traffic::{Counted, Tally},
};
use crate::{
    clock::{Clock, Entropy},
    drill::{Point, reach},
    model::ids::{CalendarId, ChangeId, ConnectionId, TenantId},
    secrets::{Place, SecretsError, Vault},
    store::{
        CalendarRow, Claimed, Claiming, ConnectionRow, NewChange, Store, StoreError, Tx, WorkRow,
    },
};

/// A kind of work. What a row of it is about is its subject: a connection or a calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Erase a connection.
    Remove,
    /// List a connection's calendars.
    List,
    /// Expand a calendar's stored series into a later window, or another zone, without the network.
    Advance,
    /// Read a calendar's changes.
    Pull,
}

impl Lane {
    /// All lanes, in the order in which a step drains them.
    pub const ALL: [Self; 4] = [Self::Remove, Self::List, Self::Advance, Self::Pull];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Remove => "remove",
            Self::List => "list",
            Self::Advance => "advance",
            Self::Pull => "pull",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|lane| lane.as_str() == name)
    }
}

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
    pub(super) leases: Leases,
    pub(super) tally: Tally,
    bell: Arc<Notify>,
    /// Names this process on the leases it takes.
    pub(super) owner: OnceLock<String>,
    /// Counts claims, to tell them apart.
    claims: AtomicU64,
    /// The tenant whose turn was last, a lane each.
    turn: Mutex<HashMap<Lane, String>>,
    flights: Mutex<HashMap<CalendarId, Arc<tokio::sync::Mutex<()>>>>,
    pub(super) seen: Seen,
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
    /// See [`allowed_networks`].
    pub(crate) allow_net: Option<Vec<IpNet>>,
}

/// How a claimed row ended.
pub(super) enum End {
    /// The row was finished in the transaction of the work itself.
    Done,
    /// Due again then; with a word when it failed.
    Again(Timestamp, Option<&'static str>),
    /// There is nothing left to do about this subject.
    Never,
}

impl Engine {
    pub fn new(parts: Parts) -> Self {
        let owner = OnceLock::new();
        let Parts { store, vault, clock, entropy, connectors } = parts;
        let (leases, bell, flights) = (Leases::default(), Arc::default(), Mutex::default());
        let (claims, turn, tally) = (AtomicU64::new(0), Mutex::default(), Tally::default());
        let seen = Seen::default();
        Self {
            store,
            vault,
            clock,
            entropy,
            connectors,
            leases,
            tally,
            bell,
            owner,
            claims,
            turn,
            flights,
            seen,
        }
    }

    /// How its work ends, for `/metrics`.
    pub fn collectors(&self) -> Vec<Counted> {
        self.tally.collectors()
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

    /// Whether a lane has a row that can be claimed now.
    pub async fn is_due(&self, lane: Lane) -> Result<bool, StoreError> {
        let now = self.clock.now();
        self.store.read().await?.work().is_due(lane.as_str(), now).await
    }

    /// Drains every lane until nothing is due, one row at a time, and answers how many ran.
    ///
    /// # Errors
    ///
    /// When the store fails; rows that were claimed then wait for their lease to end.
    pub async fn step(&self) -> Result<usize, StoreError> {
        let mut all = 0;
        loop {
            let mut ran = 0;
            for lane in Lane::ALL {
                ran += self.drain(lane).await?;
            }
            all += ran;
            if ran == 0 {
                return Ok(all);
            }
        }
    }

    /// Runs what is due in a lane until nothing is, and answers how many rows that were.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn drain(&self, lane: Lane) -> Result<usize, StoreError> {
        let mut ran = 0;
        self.mind_the_clock().await?;
        loop {
            let rows = self.claim(lane).await?;
            if rows.is_empty() {
                return Ok(ran);
            }
            let mut batch = self.leases.hold(&rows);
            reach(Point::Claimed).await;
            for row in in_turn(rows) {
                if self.leases.is_stopping() {
                    break;
                }
                ran += 1;
                if let Err(error) = self.run(lane, row.clone()).await {
                    // Those that wait for their turn need not wait for the end of their leases too.
                    let _ = self.give_back_these(batch.rest()).await;
                    return Err(error);
                }
                batch.end(&row);
            }
            self.give_back_these(batch.rest()).await?;
        }
    }

    async fn claim(&self, lane: Lane) -> Result<Vec<WorkRow>, StoreError> {
        if self.leases.is_stopping() {
            return Ok(Vec::new());
        }
        let last = self.turns().get(&lane).cloned().unwrap_or_default();
        let rows = self.claim_after(lane, &last).await?;
        if !rows.is_empty() || last.is_empty() {
            return Ok(rows);
        }
        // The round is over; the next begins with the first tenant.
        self.turns().remove(&lane);
        self.claim_after(lane, "").await
    }

    async fn claim_after(&self, lane: Lane, last: &str) -> Result<Vec<WorkRow>, StoreError> {
        let owner = self.next_owner();
        let now = self.clock.now();
        let ask = Claiming { owner: &owner, limit: lane.batch(), lease: lease(), now, last };
        let mut tx = self.store.begin().await?;
        let rows = tx.work().claim(lane.as_str(), &ask).await?;
        tx.commit().await?;
        // A claim that ends, ends with no attempts or with an error.
        for _ in rows.iter().filter(|row| row.attempts > 1 && row.last_error.is_none()) {
            self.tally.taken_over(lane);
        }
        if let Some(tenant) = rows.iter().map(|row| row.tenant_id.as_str()).max() {
            self.turns().insert(lane, tenant.to_owned());
        }
        Ok(rows)
    }

    /// Names one claim or one live read of this process.
    pub(super) fn next_owner(&self) -> String {
        format!("{}.{}", self.owner(), self.claims.fetch_add(1, Ordering::Relaxed))
    }

    fn turns(&self) -> MutexGuard<'_, HashMap<Lane, String>> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(&self, lane: Lane, row: WorkRow) -> Result<(), StoreError> {
        let Some(loss) = self.leases.loss(&Claimed::from(&row)) else { return Ok(()) };
        let work = async {
            match lane {
                Lane::Remove => self.run_remove(&row).await,
                Lane::List => self.run_list(&row).await,
                Lane::Advance => self.run_advance(&row).await,
                Lane::Pull => self.run_pull(&row).await,
            }
        };
        let span = tracing::info_span!(
            "work",
            lane = lane.as_str(),
            subject = row.subject,
            attempt = row.attempts
        );
        let work = AssertUnwindSafe(work.instrument(span)).catch_unwind();
        let ended = tokio::select! {
            biased;
            () = loss.notified() => return Ok(()),
            ended = work => ended,
        };
        let end = match ended {
            Ok(end) => end?,
            Err(_) => {
                tracing::error!(lane = lane.as_str(), subject = row.subject, "Work panicked.");
                End::Again(after(self.clock.now(), Duration::from_secs(15 * 60)), Some("panicked"))
            }
        };
        let (next, error) = match end {
            End::Done => return Ok(()),
            // What was asked of this pull is still to be done.
            End::Again(next, None) if row.demand.is_some() => (Some(next), Some("put_off")),
            End::Again(next, error) => (Some(next), error),
            End::Never => (None, None),
        };
        let mut tx = self.store.begin().await?;
        // Somebody else's by now: then it is theirs to say when it is due again.
        if tx.work().finish(&row, next, error).await? {
            self.leave(&mut tx, &row).await?;
            reach(Point::RowFinished).await;
            tx.commit().await?;
        }
        Ok(())
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
    pub(crate) async fn way(&self, subject: &Subject) -> Result<Way, SyncError> {
        let mut tx = self.store.read().await?;
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
                    return opened.map(|login| Way { login, allow_net: None });
                }
                opened?
            }
            other => other?,
        };
        let allow_net = allowed_networks(&mut tx, &subject.tenant).await?;
        Ok(Way { login, allow_net })
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
    pub(super) fn flight(&self, calendar: &CalendarId) -> Arc<tokio::sync::Mutex<()>> {
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

/// Orders claimed rows so that tenants take turns.
fn in_turn(rows: Vec<WorkRow>) -> Vec<WorkRow> {
    let mut turns: HashMap<TenantId, usize> = HashMap::new();
    let mut rows: Vec<(usize, WorkRow)> = rows
        .into_iter()
        .map(|row| {
            let turn = turns.entry(row.tenant_id.clone()).or_default();
            *turn += 1;
            (*turn, row)
        })
        .collect();
    rows.sort_by(|(a, left), (b, right)| a.cmp(b).then(left.due_at.cmp(&right.due_at)));
    rows.into_iter().map(|(_, row)| row).collect()
}
