//! The time that a hub goes by: the database's on PostgreSQL, where several hubs meet, and the machine's on SQLite.
//!
//! What one hub plans another does, and how old an answer is was noted by a third. Were each to go by its own
//! machine, a clock that is five minutes ahead would break every `Retry-After` and make old busy time look fresh.

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use tokio::time::{sleep, timeout};

use crate::{
    clock::{CarriedClock, Clock, Look, Steady, SystemClock},
    drill::{Bug, hurried, is_back},
    store::{Engine, Store, StoreError},
};

/// How often the database is asked. Between two looks a quartz drifts by less than a millisecond.
const LOOK_EVERY: Duration = Duration::from_secs(8);
/// How long a look may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// By how much a machine's clock may differ before that is worth a word.
const NOTED: SignedDuration = SignedDuration::from_secs(2);

/// Where the time comes from.
#[derive(Debug)]
pub(super) enum Time {
    Machine,
    Database(Arc<CarriedClock>),
}

impl Time {
    pub(super) async fn of(store: &Store) -> Result<Self, StoreError> {
        if store.engine() == Engine::Sqlite || is_back(Bug::OwnClock) {
            return Ok(Self::Machine);
        }
        // The first look of a connection also makes it: the second takes its own time only.
        look(store).await?;
        let clock = CarriedClock::begin(look(store).await?);
        let off = SystemClock.now().duration_since(clock.now());
        if off.abs() > NOTED {
            let seconds = off.as_secs_f64();
            tracing::warn!(seconds, "This machine's clock is off; the hub goes by the database's.");
        }
        Ok(Self::Database(Arc::new(clock)))
    }

    pub(super) fn clock(&self) -> Arc<dyn Clock> {
        match self {
            Self::Machine => Arc::new(SystemClock),
            Self::Database(clock) => Arc::clone(clock) as _,
        }
    }

    /// Follows the database's clock until it is dropped. While the store does not answer, the time goes on.
    pub(super) async fn keep(self, store: Store) {
        let Self::Database(clock) = self else { return };
        loop {
            sleep(hurried(LOOK_EVERY)).await;
            let Ok(Ok(look)) = timeout(PATIENCE, look(&store)).await else { continue };
            let moved = clock.correct(look);
            if moved.abs() > NOTED {
                let seconds = moved.as_secs_f64();
                tracing::warn!(seconds, "The database's clock was set; the hub follows it.");
            }
        }
    }
}

async fn look(store: &Store) -> Result<Look, StoreError> {
    let mut tx = store.read().await?;
    let asked = Steady::now();
    let told = tx.now(&SystemClock).await?;
    let answered = Steady::now();
    tx.rollback().await?;
    Ok(Look { told, asked, answered })
}
