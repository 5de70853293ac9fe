//! How far the workers, the change log and the seal of the audit log are behind.

use std::time::Duration;

use jiff::Timestamp;
use prometheus::{Gauge, GaugeVec};

use super::Ledger;
use crate::{
    store::{ChangeFilter, StoreError, Target, Tx},
    sync::Lane,
};

pub(super) struct Work {
    rows: GaugeVec,
    overdue: GaugeVec,
    log_lag: Gauge,
    unsealed: Gauge,
    pauses: GaugeVec,
}

impl Work {
    pub(super) fn new(ledger: &mut Ledger) -> Self {
        Self {
            rows: ledger.gauges(
                "calhub_work_rows",
                "Rows of due work by lane and state: `all`, `ready` (due and nobody's), `leased`, `failing`.",
                &["lane", "state"],
            ),
            overdue: ledger.gauges(
                "calhub_work_overdue_seconds",
                "How long the oldest piece of work that is due has waited for somebody to take it.",
                &["lane"],
            ),
            log_lag: ledger.gauge(
                "calhub_change_log_lag_seconds",
                "How long the oldest change has been held back from readers because an older transaction of the server still runs; 0 on SQLite.",
            ),
            unsealed: ledger.gauge(
                "calhub_audit_unsealed_seconds",
                "How long the oldest entry of the audit log has waited for its place in the chain; 0 when none waits.",
            ),
            pauses: ledger.gauges(
                "calhub_pauses",
                "Pauses that operators have set, by what they stop: `provider`, `tenant` or `connection`.",
                &["scope"],
            ),
        }
    }

    pub(super) async fn count(&self, tx: &mut Tx, now: Timestamp) -> Result<(), StoreError> {
        let lanes = tx.work().counts(now).await?;
        for lane in Lane::ALL.map(Lane::as_str) {
            let counts = lanes.iter().find(|counts| counts.lane == lane);
            let states = counts.map_or([0; 4], |c| [c.rows, c.ready, c.leased, c.failing]);
            for (state, rows) in ["all", "ready", "leased", "failing"].into_iter().zip(states) {
                self.rows.with_label_values(&[lane, state]).set(rows as f64);
            }
            let oldest = counts.and_then(|counts| counts.oldest_due);
            self.overdue.with_label_values(&[lane]).set(oldest.map_or(0.0, |at| since(at, now)));
        }
        let head = tx.changes().head().await?;
        let next = ChangeFilter { tenant: None, kinds: Vec::new(), limit: 1 };
        let (ahead, _) = tx.changes().read_ahead(&head, &next).await?;
        self.log_lag.set(ahead.first().map_or(0.0, |row| since(row.change.at, now)));
        let pauses = tx.pauses().all().await?;
        let scopes = pauses.iter().map(|pause| match pause.target {
            Target::Provider(_) => "provider",
            Target::Tenant(_) => "tenant",
            Target::Connection(..) => "connection",
        });
        let scopes: Vec<_> = scopes.collect();
        for scope in ["provider", "tenant", "connection"] {
            let count = scopes.iter().filter(|one| **one == scope).count();
            self.pauses.with_label_values(&[scope]).set(count as f64);
        }
        let oldest = tx.audit().tail().await?.oldest_us;
        let oldest = oldest.and_then(|us| Timestamp::from_microsecond(us).ok());
        self.unsealed.set(oldest.map_or(0.0, |at| since(at, now)));
        Ok(())
    }
}

pub(super) fn since(at: Timestamp, now: Timestamp) -> f64 {
    Duration::try_from(now.duration_since(at)).unwrap_or_default().as_secs_f64()
}
