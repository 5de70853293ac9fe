//! How well providers tell of changes, and why some do not.

use prometheus::GaugeVec;

use super::Ledger;
use crate::{
    model::states::{Provider, PushState},
    store::{StoreError, Tx},
};

const STATES: [PushState; 4] =
    [PushState::None, PushState::Pending, PushState::Healthy, PushState::Stale];

pub(super) struct Push {
    calendars: GaugeVec,
    failing: GaugeVec,
}

impl Push {
    pub(super) fn new(ledger: &mut Ledger) -> Self {
        Self {
            calendars: ledger.gauges(
                "calhub_calendars_by_push",
                "Calendars by how well their provider tells of changes: `healthy`, `pending` (asked to, and not heard yet), `stale` (a change was found that nobody had told), `none` (polled only).",
                &["provider", "push"],
            ),
            failing: ledger.gauges(
                "calhub_channels_failing",
                "Calendars whose channel could not be opened, renewed or closed at the last try, by the failure's code. `no_push` is no fault: the provider tells of such calendars to nobody.",
                &["code"],
            ),
        }
    }

    pub(super) async fn count(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let calendars = tx.census().push().await?;
        let failing = tx.census().unwatched().await?;
        self.calendars.reset();
        for state in STATES {
            self.calendars.with_label_values(&[Provider::Google.as_str(), state.as_str()]).set(0.0);
        }
        for row in calendars {
            let labels = [row.provider.as_str(), row.push.as_str()];
            self.calendars.with_label_values(&labels).set(row.total as f64);
        }
        self.failing.reset();
        self.failing.with_label_values(&["no_push"]).set(0.0);
        for row in failing {
            self.failing.with_label_values(&[row.code.as_str()]).set(row.total as f64);
        }
        Ok(())
    }
}
