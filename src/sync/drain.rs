//! Draining a lane: the way from a due row to its end.
//!
//! A drain claims what is due, runs each row, and says on the row when it is due again. Running is idempotent, so a
//! crash, a lost lease or a second process cost a repetition and nothing else. Workers ([`crate::queue`]) call
//! [`Engine::drain`]; tests and the simulation call it themselves.

use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    sync::{Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::Duration,
};

use futures::FutureExt;
use jiff::Timestamp;
use tracing::Instrument as _;

use super::{
    engine::Engine,
    lanes::{Drains, Lane},
    leases::lease,
    schedule::after,
};
use crate::{
    drill::{Bug, Point, is_back, reach},
    model::ids::TenantId,
    store::{Claimed, Claiming, Share, StoreError, WorkRow},
};

/// How a claimed row ended.
pub(crate) enum End {
    /// The row was finished in the transaction of the work itself.
    Done,
    /// Due again then; with a word when it failed.
    Again(Timestamp, Option<&'static str>),
    /// There is nothing left to do about this subject.
    Never,
}

/// The tenant whose turn was last, one for each share of a lane.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<HashMap<(Lane, Share), String>>);

impl Turns {
    fn last(&self, lane: Lane, share: Share) -> String {
        self.all().get(&(lane, share)).cloned().unwrap_or_default()
    }

    fn was(&self, lane: Lane, share: Share, tenant: Option<&str>) {
        self.all().insert((lane, share), tenant.unwrap_or_default().to_owned());
    }

    fn all(&self) -> MutexGuard<'_, HashMap<(Lane, Share), String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// How many rows can be claimed now by each kind of drain; at most 32 are counted.
    pub async fn due(&self) -> Result<Vec<(&'static str, usize)>, StoreError> {
        let drains = Drains::ALL.map(|drains| (drains.lane.as_str(), drains.share));
        let now = self.clock.now();
        let due = self.store.glance().await?.work().due(&drains, now).await?;
        let names = Drains::ALL.map(|drains| drains.name).into_iter();
        Ok(names.zip(due.into_iter().map(|n| usize::try_from(n).unwrap_or(0))).collect())
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
                ran += self.drain(lane, Share::All).await?;
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
    pub async fn drain(&self, lane: Lane, share: Share) -> Result<usize, StoreError> {
        let mut ran = 0;
        self.mind_the_clock().await?;
        loop {
            let rows = self.claim(lane, share).await?;
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
                // Its host is free: what other lanes want of it need not wait for their next look.
                if row.host.is_some() {
                    self.ring();
                }
            }
            self.give_back_these(batch.rest()).await?;
        }
    }

    async fn claim(&self, lane: Lane, share: Share) -> Result<Vec<WorkRow>, StoreError> {
        if self.leases.is_stopping() {
            return Ok(Vec::new());
        }
        let share = match (is_back(Bug::FailingAmongAll), share) {
            (true, Share::Failing) => return Ok(Vec::new()),
            (true, _) => Share::All,
            (false, share) => share,
        };
        let last = self.turn.last(lane, share);
        let owner = self.next_owner();
        let (now, limit) = (self.clock.now(), lane.batch());
        let ask = Claiming { share, owner: &owner, limit, lease: lease(), now, last: &last };
        let mut tx = self.store.begin().await?;
        let rows = tx.work().claim(lane.as_str(), &ask).await?;
        tx.commit().await?;
        // A claim that ends, ends with no attempts or with an error.
        for _ in rows.iter().filter(|row| row.attempts > 1 && row.last_error.is_none()) {
            self.tally.taken_over(lane);
        }
        self.turn.was(lane, share, rows.last().map(|row| row.tenant_id.as_str()));
        Ok(rows)
    }

    /// Names one claim or one live read of this process.
    pub(super) fn next_owner(&self) -> String {
        format!("{}.{}", self.owner(), self.claims.fetch_add(1, Ordering::Relaxed))
    }

    async fn run(&self, lane: Lane, row: WorkRow) -> Result<(), StoreError> {
        let Some(loss) = self.leases.loss(&Claimed::from(&row)) else { return Ok(()) };
        let work = async {
            match lane {
                Lane::Remove => self.run_remove(&row).await,
                Lane::List => self.run_list(&row).await,
                Lane::Advance => self.run_advance(&row).await,
                Lane::Pull => self.run_pull(&row).await,
                Lane::Clash => self.run_clash(&row).await,
                Lane::Deliver => self.run_deliver(&row).await,
                Lane::Reconcile => self.run_reconcile(&row).await,
                Lane::Watch => self.run_watch(&row).await,
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
