//! Gauges that are counted when somebody asks: from the index and from the store, at most every few seconds.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use prometheus::Gauge;

use super::{
    Ledger, bookings::Bookings, budget::Budget, calendars::Calendars, connections::Connections,
    database::Database, push::Push, work::Work,
};
use crate::{
    hub::Hub,
    model::time::{Source, tzdb},
    store::{Engine, StoreError},
};

/// A second scraper, or one in a hurry, gets the same numbers again.
const KEPT: Duration = Duration::from_secs(5);

pub(super) struct Census {
    counted: Option<Timestamp>,
    calendars: Calendars,
    connections: Connections,
    push: Push,
    work: Work,
    bookings: Bookings,
    budget: Budget,
    database: Database,
    ready: Gauge,
    took: Gauge,
}

impl Census {
    pub(super) fn new(ledger: &mut Ledger, hub: &Hub) -> Self {
        tell_build(ledger, hub);
        Self {
            counted: None,
            calendars: Calendars::new(ledger),
            connections: Connections::new(ledger),
            push: Push::new(ledger),
            work: Work::new(ledger),
            bookings: Bookings::new(ledger),
            budget: Budget::new(ledger),
            database: Database::new(ledger),
            ready: ledger.gauge("calhub_ready", "1 when `/readyz` answers 200."),
            took: ledger.gauge(
                "calhub_census_duration_seconds",
                "How long it took to count what is counted when somebody asks.",
            ),
        }
    }

    /// Counts anew what is older than a few seconds.
    pub(super) async fn take(&mut self, hub: &Arc<Hub>) {
        let now = hub.clock.now();
        if is_recent(self.counted, now, KEPT) {
            return;
        }
        let began = Instant::now();
        self.calendars.count(hub, now);
        let is_up = match self.count_stored(hub, now).await {
            Ok(()) => true,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "The database does not tell the numbers for /metrics.");
                false
            }
        };
        self.database.answered(hub, is_up);
        let is_ready = is_up && hub.index.is_current(hub.clock.now());
        self.ready.set(f64::from(u8::from(is_ready)));
        self.took.set(began.elapsed().as_secs_f64());
        self.counted = Some(hub.clock.now());
    }

    async fn count_stored(&mut self, hub: &Hub, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = hub.store.read().await?;
        self.connections.count(&mut tx, now).await?;
        self.push.count(&mut tx).await?;
        self.work.count(&mut tx, now).await?;
        self.bookings.count(&mut tx, now).await?;
        self.database.count(&mut tx).await?;
        self.budget.count(&mut tx, now).await?;
        tx.rollback().await
    }
}

/// Whether what was counted then will do. A clock that was set back counts as time gone by.
pub(super) fn is_recent(counted: Option<Timestamp>, now: Timestamp, kept: Duration) -> bool {
    let age = counted.map(|at| Duration::try_from(now.duration_since(at)));
    age.is_some_and(|age| age.is_ok_and(|age| age < kept))
}

fn tell_build(ledger: &mut Ledger, hub: &Hub) {
    let built = ledger.gauges(
        "calhub_build_info",
        "Always 1; which calhub this is, and on which database.",
        &["version", "database"],
    );
    let database = match hub.store.engine() {
        Engine::Sqlite => "sqlite",
        Engine::Postgres => "postgres",
    };
    built.with_label_values(&[env!("CARGO_PKG_VERSION"), database]).set(1.0);
    let rules = ledger.gauges(
        "calhub_tzdb_info",
        "Always 1; which release of the time-zone rules decides, and whose it is.",
        &["version", "source"],
    );
    let source = match tzdb().source() {
        Source::System => "system",
        Source::Bundled => "bundled",
    };
    rules.with_label_values(&[tzdb().version(), source]).set(1.0);
}
