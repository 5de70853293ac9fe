//! How far calendars are behind what bookings want of them.

use jiff::Timestamp;
use prometheus::GaugeVec;

use super::{Ledger, work::since};
use crate::{
    model::states::Delivery,
    push::reconcile::Drift,
    store::{StoreError, Tx},
};

/// States of the outbox that are not rest.
const OPEN: [Delivery; 3] = [Delivery::Pending, Delivery::Conflict, Delivery::Failed];

pub(super) struct Bookings {
    rows: GaugeVec,
    oldest: GaugeVec,
    drift: GaugeVec,
}

impl Bookings {
    pub(super) fn new(ledger: &mut Ledger) -> Self {
        Self {
            rows: ledger.gauges(
                "calhub_outbox_rows",
                "Deliveries into calendars by state: `pending`, `conflict` (people decide), `failed` (given up).",
                &["state"],
            ),
            oldest: ledger.gauges(
                "calhub_outbox_oldest_seconds",
                "How long the oldest delivery in this state has waited since its booking wanted it.",
                &["state"],
            ),
            drift: ledger.gauges(
                "calhub_drift",
                "Differences between what calendars hold and what their bookings want, as found last, by kind.",
                &["kind"],
            ),
        }
    }

    pub(super) async fn count(&self, tx: &mut Tx, now: Timestamp) -> Result<(), StoreError> {
        let counts = tx.census().outbox().await?;
        for state in OPEN {
            let count = counts.iter().find(|count| count.state == state);
            let oldest = count.and_then(|count| count.oldest);
            let label = [state.as_str()];
            self.rows.with_label_values(&label).set(count.map_or(0, |count| count.total) as f64);
            self.oldest.with_label_values(&label).set(oldest.map_or(0.0, |at| since(at, now)));
        }
        let drift = tx.census().drift().await?;
        for kind in Drift::ALL.map(Drift::as_str) {
            let count = drift.iter().find(|count| count.code == kind);
            self.drift.with_label_values(&[kind]).set(count.map_or(0, |count| count.total) as f64);
        }
        Ok(())
    }
}
