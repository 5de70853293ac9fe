//! How connections stand, what is held back, and whom providers sent away.

use jiff::Timestamp;
use prometheus::{Gauge, GaugeVec};

use super::Ledger;
use crate::{
    model::states::{ConnectionState, Provider},
    store::{StoreError, Tx},
};

const LINKABLE: [Provider; 3] = [Provider::Caldav, Provider::Ics, Provider::Google];
const STATES: [ConnectionState; 6] = [
    ConnectionState::Syncing,
    ConnectionState::Healthy,
    ConnectionState::Degraded,
    ConnectionState::NeedsReauth,
    ConnectionState::Revoked,
    ConnectionState::Removing,
];

pub(super) struct Connections {
    states: GaugeVec,
    failing: GaugeVec,
    failing_calendars: GaugeVec,
    quarantined: Gauge,
    held: Gauge,
    unexpandable: Gauge,
    closed_hosts: Gauge,
    closed_until: Gauge,
}

impl Connections {
    pub(super) fn new(ledger: &mut Ledger) -> Self {
        Self {
            states: ledger.gauges(
                "calhub_connections",
                "Connections by provider and state.",
                &["provider", "state"],
            ),
            failing: ledger.gauges(
                "calhub_connections_failing",
                "Connections that are `degraded`, `revoked` or `needs_reauth`, by the last failure's code.",
                &["provider", "code"],
            ),
            failing_calendars: ledger.gauges(
                "calhub_calendars_failing",
                "Calendars whose last pull failed, by the failure's code.",
                &["code"],
            ),
            quarantined: ledger.gauge(
                "calhub_quarantined_calendars",
                "Calendars of which a large removal is held back until it is seen twice or confirmed.",
            ),
            held: ledger.gauge(
                "calhub_quarantine_held_intervals",
                "Busy intervals whose removal is held back.",
            ),
            unexpandable: ledger.gauge(
                "calhub_unexpandable_spans",
                "Spans that are unknown because a series could not be worked out.",
            ),
            closed_hosts: ledger.gauge(
                "calhub_throttled_hosts",
                "Hosts that asked the hubs to leave them alone at this moment.",
            ),
            closed_until: ledger.gauge(
                "calhub_throttled_until_timestamp_seconds",
                "Until when the last of them wants to be left alone, in Unix time; 0 when there is none.",
            ),
        }
    }

    pub(super) async fn count(&self, tx: &mut Tx, now: Timestamp) -> Result<(), StoreError> {
        let closed = tx.hosts().closed(now).await?;
        self.closed_hosts.set(closed.count as f64);
        self.closed_until.set(closed.latest.map_or(0.0, |until| until.as_second() as f64));
        let connections = tx.census().connections().await?;
        let failing = tx.census().failing().await?;
        self.states.reset();
        for provider in LINKABLE {
            for state in STATES {
                self.states.with_label_values(&[provider.as_str(), state.as_str()]).set(0.0);
            }
        }
        self.failing.reset();
        for row in connections {
            let (provider, total) = (row.provider.as_str(), row.total as f64);
            self.states.with_label_values(&[provider, row.state.as_str()]).add(total);
            let is_failing = matches!(
                row.state,
                ConnectionState::Degraded | ConnectionState::NeedsReauth | ConnectionState::Revoked
            );
            if is_failing {
                self.failing.with_label_values(&[provider, code(&row.code)]).add(total);
            }
        }
        self.failing_calendars.reset();
        for row in failing {
            self.failing_calendars.with_label_values(&[code(&row.code)]).add(row.total as f64);
        }
        self.quarantined.set(tx.census().quarantined().await? as f64);
        self.held.set(tx.census().held().await? as f64);
        self.unexpandable.set(tx.census().unexpandable().await? as f64);
        Ok(())
    }
}

fn code(code: &str) -> &str {
    if code.is_empty() { "unknown" } else { code }
}
