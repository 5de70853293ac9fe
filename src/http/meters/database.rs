//! Whether the database answers, how large it is, and this hub's connections to it.

use prometheus::{Gauge, GaugeVec};

use super::Ledger;
use crate::{
    hub::Hub,
    store::{StoreError, Tx},
};

pub(super) struct Database {
    up: Gauge,
    bytes: Gauge,
    connections: GaugeVec,
}

impl Database {
    pub(super) fn new(ledger: &mut Ledger) -> Self {
        Self {
            up: ledger.gauge("calhub_database_up", "1 when the database answered just now."),
            bytes: ledger.gauge(
                "calhub_database_size_bytes",
                "How large the database is, without SQLite's write-ahead log.",
            ),
            connections: ledger.gauges(
                "calhub_database_connections",
                "This hub's connections to the database: `used` or `idle`.",
                &["state"],
            ),
        }
    }

    pub(super) async fn count(&self, tx: &mut Tx) -> Result<(), StoreError> {
        self.bytes.set(tx.census().database_bytes().await? as f64);
        Ok(())
    }

    pub(super) fn answered(&self, hub: &Hub, is_up: bool) {
        self.up.set(f64::from(u8::from(is_up)));
        let (open, idle) = hub.store.connections();
        let used = (open as usize).saturating_sub(idle);
        self.connections.with_label_values(&["used"]).set(used as f64);
        self.connections.with_label_values(&["idle"]).set(idle as f64);
    }
}
