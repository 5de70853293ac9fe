//! Keeps the index current: loads everything once, then follows the change log and the calendars' freshness.
//!
//! A pass never uses what a log entry says beyond whose it is: it reads that calendar or resource again.
//! So a pass may be late, repeated or interrupted, and the next one is right all the same.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::{
    Busy, Index, Packed,
    fresh::{Followed, Look},
    rows::{
        as_busy, base_us, is_live, login_of, policy_of, resource_snapshot, snapshot, taken_since,
    },
};
use crate::{
    clock::Clock,
    drill::{Bug, Point, is_back, reach},
    model::{
        busy::BusyClass,
        ids::{CalendarId, ConnectionId, ResourceId, TenantId},
    },
    store::{
        CalendarRow, ChangeFilter, ClaimRow, ConnectionFilter, ConnectionRow, Engine, LinkRow,
        LogCursor, Store, StoreError, TenantRow, Tx,
    },
};

/// How often the store is asked when nothing rings.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const PAGE: i64 = 500;
/// What nobody asked for in so long, or twice that, is laid to rest.
const REST_EVERY: SignedDuration = SignedDuration::from_mins(10);
/// A pass that takes longer rests on a connection that will never answer; the next one takes another.
const PATIENCE: Duration = Duration::from_secs(60);

/// Follows one store on behalf of one index.
#[derive(Debug)]
pub struct Tail {
    store: Store,
    index: Arc<Index>,
    clock: Arc<dyn Clock>,
    place: Mutex<Option<Place>>,
    /// Counts the passes that were begun.
    begun: AtomicU64,
    /// How often the store's bell had rung before the last pass that ended well began.
    heard: AtomicU64,
}

#[derive(Debug)]
struct Place {
    cursor: LogCursor,
    followed: Followed,
    /// When what nobody asked for was last laid to rest.
    rested: Timestamp,
    /// Which pass came to stand here.
    pass: u64,
}

/// Whose snapshots a pass must make anew.
#[derive(Debug, Default)]
struct Touched {
    /// With busy time (`true`) or the facts alone.
    calendars: BTreeMap<(TenantId, CalendarId), bool>,
    connections: BTreeSet<(TenantId, ConnectionId)>,
    resources: BTreeSet<(TenantId, ResourceId)>,
    tenants: BTreeSet<TenantId>,
    /// Those of them that are no more.
    gone: BTreeSet<TenantId>,
}

impl Tail {
    pub fn new(store: Store, index: Arc<Index>, clock: Arc<dyn Clock>) -> Self {
        let (begun, heard) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { store, index, clock, place: Mutex::new(None), begun, heard }
    }

    /// Brings the index up to what is committed now; the first call loads everything. Many who ask at once share a
    /// pass: one that began after they asked has seen what they want seen.
    pub async fn catch_up(&self) -> Result<(), StoreError> {
        let begun = self.begun.load(Ordering::SeqCst);
        let mut place = self.place.lock().await;
        if place.as_ref().is_some_and(|place| place.pass > begun) {
            return Ok(());
        }
        let pass = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let rung = *self.store.bell().borrow();
        let asked = self.clock.now();
        let passed = match &*place {
            None => None,
            Some(before) => match self.pass(before, asked).await {
                Err(StoreError::CursorExpired) => None,
                passed => Some(passed?),
            },
        };
        let place = match (passed, &mut *place) {
            (Some((cursor, look)), Some(place)) => {
                reach(Point::IndexPassed).await;
                place.followed.keep(look);
                place.cursor = cursor;
                place.pass = pass;
                place
            }
            (_, place) => {
                let cursor = self.load().await?;
                reach(Point::IndexLoaded).await;
                place.insert(Place { cursor, followed: Followed::new(asked), rested: asked, pass })
            }
        };
        self.index.advance(place.cursor.to_string(), asked);
        self.heard.store(rung, Ordering::SeqCst);
        if asked.duration_since(place.rested).abs() >= REST_EVERY {
            self.index.rest().await;
            place.rested = asked;
        }
        Ok(())
    }

    /// Follows the store until it is dropped. A store that does not answer only makes the index lag.
    pub async fn follow(&self) {
        let mut bell = self.store.bell();
        let mut failing = false;
        loop {
            let passed = tokio::time::timeout(PATIENCE, self.catch_up()).await;
            match passed {
                Err(_) => {
                    failing = true;
                    tracing::error!("The store does not answer the busy index.");
                }
                Ok(Ok(())) => failing = false,
                Ok(Err(error)) if !failing => {
                    failing = true;
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "The busy index cannot follow the store; answers turn unknown until it can."
                    );
                }
                Ok(Err(_)) => {}
            }
            if failing {
                tokio::time::sleep(LOOK_EVERY).await;
                continue;
            }
            // Who wrote may have made the pass already.
            let news = bell.wait_for(|rung| *rung != self.heard.load(Ordering::SeqCst));
            let _ = tokio::time::timeout(LOOK_EVERY, news).await;
        }
    }

    async fn pass(
        &self,
        before: &Place,
        asked: Timestamp,
    ) -> Result<(LogCursor, Look), StoreError> {
        let mut tx = self.store.read().await?;
        let mut touched = Touched::default();
        let mut cursor = before.cursor.clone();
        loop {
            let filter = ChangeFilter { tenant: None, kinds: Vec::new(), limit: PAGE };
            let (rows, next) = tx.changes().read(&cursor, &filter).await?;
            cursor = next;
            for row in &rows {
                touched.note(&row.change.tenant_id, &row.change.subject);
            }
            if rows.len() < usize::try_from(PAGE).unwrap_or(usize::MAX) {
                break;
            }
        }
        let holds_back = self.store.engine() == Engine::Postgres;
        if holds_back && !is_back(Bug::OnlyBelowOldest) {
            note_ahead(&mut tx, &cursor, &mut touched).await?;
        }
        let look = before.followed.look(&mut tx, asked).await?;
        for row in &look.rows {
            touched.connections.insert((row.tenant_id.clone(), row.connection_id.clone()));
            touched
                .calendars
                .entry((row.tenant_id.clone(), row.calendar_id.clone()))
                .or_insert(false);
        }
        let known: HashMap<&CalendarId, &CalendarRow> =
            look.rows.iter().map(|row| (&row.calendar_id, row)).collect();
        self.renew_tenants(&mut tx, &mut touched).await?;
        self.renew_connections(&mut tx, &mut touched).await?;
        for ((tenant, calendar), with_busy) in &touched.calendars {
            let fed = self.index.read(tenant, |part| part.resources_of(calendar));
            let is_there = self
                .renew_calendar(&mut tx, tenant, calendar, *with_busy, known.get(calendar).copied())
                .await?;
            // Its links went with it.
            if !is_there {
                let fed = fed.unwrap_or_default().into_iter();
                touched.resources.extend(fed.map(|resource| (tenant.clone(), resource)));
            }
        }
        for (tenant, resource) in &touched.resources {
            self.renew_resource(&mut tx, tenant, resource).await?;
        }
        // What was just looked for in vain has made it a part again.
        for tenant in &touched.gone {
            self.index.remove(tenant);
        }
        tx.rollback().await?;
        Ok((cursor, look))
    }

    /// A tenant's policy is under every resource of it.
    async fn renew_tenants(&self, tx: &mut Tx, touched: &mut Touched) -> Result<(), StoreError> {
        for tenant in &touched.tenants {
            let Some(row) = tx.tenants().get(tenant).await? else {
                self.index.remove(tenant);
                touched.gone.insert(tenant.clone());
                continue;
            };
            self.index.change(tenant, |part| part.set_policy(&policy_of(&row.policy)));
            let mut after = None;
            loop {
                let rows = tx.resources().list(tenant, None, after.as_ref(), PAGE).await?;
                touched
                    .resources
                    .extend(rows.iter().map(|row| (tenant.clone(), row.resource_id.clone())));
                match rows.last() {
                    Some(last) => after = Some(last.resource_id.clone()),
                    None => break,
                }
            }
        }
        Ok(())
    }

    async fn renew_connections(
        &self,
        tx: &mut Tx,
        touched: &mut Touched,
    ) -> Result<(), StoreError> {
        for (tenant, connection) in &touched.connections {
            let row = tx.connections().get(tenant, connection).await?;
            let known = self.index.change(tenant, |part| {
                match &row {
                    Some(row) => {
                        part.set_connection(connection, login_of(row.state), is_live(row.provider));
                    }
                    None => part.remove_connection(connection),
                }
                part.calendars_of(connection)
            });
            for calendar in known {
                touched.calendars.entry((tenant.clone(), calendar)).or_insert(false);
            }
            if row.is_some() {
                for row in tx.calendars().by_connection(tenant, connection).await? {
                    touched.calendars.entry((tenant.clone(), row.calendar_id)).or_insert(false);
                }
            }
        }
        Ok(())
    }

    async fn renew_calendar(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        calendar: &CalendarId,
        with_busy: bool,
        known: Option<&CalendarRow>,
    ) -> Result<bool, StoreError> {
        let row = match known {
            Some(row) => Some(Cow::Borrowed(row)),
            None => tx.calendars().get(tenant, calendar).await?.map(Cow::Owned),
        };
        let Some(row) = row else {
            self.index.change(tenant, |part| part.remove_calendar(calendar));
            return Ok(false);
        };
        let kept = self.index.read(tenant, |part| part.calendar(calendar)).flatten();
        let busy = match kept {
            Some(kept) if !with_busy => Arc::clone(&kept.busy),
            kept => {
                let rows = tx.events().busy_of_calendar(tenant, calendar).await?;
                let rows =
                    rows.iter().map(|row| (row.span.start_us(), row.span.end_us(), row.class));
                let since = taken_since(self.clock.now());
                let wanted = tx.outbox().spans_of_calendar(tenant, calendar, since).await?;
                let packed = Packed::new(base_us(&row), rows.chain(wanted.iter().map(as_busy)));
                let is_at_hand = kept.is_some_and(|kept| kept.busy.is_at_hand());
                Arc::new(if is_at_hand {
                    Busy::at_hand(Arc::new(packed))
                } else {
                    Busy::at_rest(&packed)
                })
            }
        };
        self.index.change(tenant, |part| part.set_calendar(snapshot(&row, busy)));
        Ok(true)
    }

    async fn renew_resource(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        resource: &ResourceId,
    ) -> Result<(), StoreError> {
        let Some(row) = tx.resources().get(tenant, resource).await? else {
            self.index.change(tenant, |part| part.remove_resource(resource));
            return Ok(());
        };
        let links = tx.resources().links(tenant, resource).await?;
        let now = self.clock.now();
        let claims = tx.claims().of_resource(tenant, resource, taken_since(now)).await?;
        self.index.change(tenant, |part| {
            let snapshot = resource_snapshot(part.rules, &row, &links, &claims, now);
            part.set_resource(snapshot);
        });
        Ok(())
    }

    /// Reads everything under one state of the store.
    async fn load(&self) -> Result<LogCursor, StoreError> {
        let mut tx = self.store.read().await?;
        let cursor = tx.changes().head().await?;
        self.index.clear();
        let mut after = None;
        loop {
            let tenants = tx.tenants().list(after.as_ref(), PAGE).await?;
            for tenant in &tenants {
                self.load_tenant(&mut tx, tenant).await?;
            }
            match tenants.last() {
                Some(last) => after = Some(last.tenant_id.clone()),
                None => break,
            }
        }
        self.load_calendars(&mut tx).await?;
        self.load_resources(&mut tx).await?;
        tx.rollback().await?;
        let (calendars, intervals) = self.index.size();
        tracing::info!(calendars, intervals, "The busy index is loaded.");
        Ok(cursor)
    }

    async fn load_tenant(&self, tx: &mut Tx, tenant: &TenantRow) -> Result<(), StoreError> {
        self.index.change(&tenant.tenant_id, |part| part.set_policy(&policy_of(&tenant.policy)));
        let mut filter = ConnectionFilter { limit: PAGE, ..ConnectionFilter::default() };
        loop {
            let rows: Vec<ConnectionRow> =
                tx.connections().list(&tenant.tenant_id, &filter).await?;
            self.index.change(&tenant.tenant_id, |part| {
                for row in &rows {
                    part.set_connection(
                        &row.connection_id,
                        login_of(row.state),
                        is_live(row.provider),
                    );
                }
            });
            match rows.last() {
                Some(last) => filter.after = Some(last.connection_id.clone()),
                None => return Ok(()),
            }
        }
    }

    async fn load_calendars(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let mut after: Option<(TenantId, CalendarId)> = None;
        loop {
            let bound = after.as_ref().map(|(tenant, calendar)| (tenant, calendar));
            let rows = tx.calendars().all(bound, PAGE).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            let upto = (&last.tenant_id, &last.calendar_id);
            let busy = tx.events().busy_by_calendar(bound, upto).await?;
            let mut by_calendar: HashMap<CalendarId, Vec<(i64, i64, BusyClass)>> =
                busy.into_iter().map(|all| (all.calendar_id, all.spans)).collect();
            let since = taken_since(self.clock.now());
            for wanted in tx.outbox().spans(bound, upto, since).await? {
                by_calendar.entry(wanted.calendar_id.clone()).or_default().push(as_busy(&wanted));
            }
            for row in &rows {
                let busy = by_calendar.remove(&row.calendar_id).unwrap_or_default();
                let busy = Arc::new(Busy::at_rest(&Packed::new(base_us(row), busy)));
                self.index.change(&row.tenant_id, |part| part.set_calendar(snapshot(row, busy)));
            }
            after = Some((last.tenant_id.clone(), last.calendar_id.clone()));
        }
    }

    async fn load_resources(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let mut after: Option<(TenantId, ResourceId)> = None;
        loop {
            let bound = after.as_ref().map(|(tenant, resource)| (tenant, resource));
            let rows = tx.resources().all(bound, PAGE).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            let links =
                tx.resources().all_links(bound, (&last.tenant_id, &last.resource_id)).await?;
            let mut by_resource: HashMap<ResourceId, Vec<LinkRow>> = HashMap::new();
            for link in links {
                by_resource.entry(link.resource_id.clone()).or_default().push(link);
            }
            let now = self.clock.now();
            let upto = (&last.tenant_id, &last.resource_id);
            let mut taken: HashMap<ResourceId, Vec<ClaimRow>> = HashMap::new();
            for claim in tx.claims().all(bound, upto, taken_since(now)).await? {
                taken.entry(claim.resource_id.clone()).or_default().push(claim);
            }
            for row in &rows {
                let links = by_resource.remove(&row.resource_id).unwrap_or_default();
                let claims = taken.remove(&row.resource_id).unwrap_or_default();
                self.index.change(&row.tenant_id, |part| {
                    let snapshot = resource_snapshot(part.rules, row, &links, &claims, now);
                    part.set_resource(snapshot);
                });
            }
            after = Some((last.tenant_id.clone(), last.resource_id.clone()));
        }
    }
}

/// Notes what is committed beyond `cursor` too: on PostgreSQL some transaction of the server may run for long, and a
/// calendar's freshness, which is read under the same snapshot, must never be newer here than its busy time.
async fn note_ahead(
    tx: &mut Tx,
    cursor: &LogCursor,
    touched: &mut Touched,
) -> Result<(), StoreError> {
    let filter = ChangeFilter { tenant: None, kinds: Vec::new(), limit: PAGE };
    let mut ahead = cursor.clone();
    loop {
        let (rows, next) = tx.changes().read_ahead(&ahead, &filter).await?;
        if rows.is_empty() {
            return Ok(());
        }
        for row in &rows {
            touched.note(&row.change.tenant_id, &row.change.subject);
        }
        ahead = next;
    }
}

impl Touched {
    /// Reads from a change's subject what it is about.
    fn note(&mut self, tenant: &TenantId, subject: &str) {
        if let Ok(calendar) = subject.parse() {
            self.calendars.insert((tenant.clone(), calendar), true);
        } else if let Ok(connection) = subject.parse() {
            self.connections.insert((tenant.clone(), connection));
        } else if let Ok(resource) = subject.parse() {
            self.resources.insert((tenant.clone(), resource));
        } else if let Ok(subject) = subject.parse() {
            self.tenants.insert(subject);
        }
    }
}
