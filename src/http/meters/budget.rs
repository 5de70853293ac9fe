//! Requests to providers a calendar and day, against what they should cost (`bars.md`, C2).

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use prometheus::GaugeVec;

use super::{Ledger, census::is_recent};
use crate::{
    model::{ids::TenantId, states::Provider},
    store::{RequestCount, StoreError, Tx},
};

/// The numbers move slowly, and counting reads a row a calendar.
const KEPT: Duration = Duration::from_secs(60);
/// Tenants that are told apart: those that ask the most.
const TENANTS: usize = 100;
const MEDIAN: &str = "0.5";
const P95: &str = "0.95";
/// What a provider that pushes may cost.
const PUSHED: [(&str, f64); 2] = [(MEDIAN, 14.0), (P95, 40.0)];
/// Where nothing is pushed: a poll every quarter of an hour and a tenth more, and the hourly listing; every
/// poll of a busy calendar finds something, which takes a second request.
const POLLED: [(&str, f64); 2] = [(MEDIAN, 130.0), (P95, 240.0)];

pub(super) struct Budget {
    counted: Option<Timestamp>,
    asked: GaugeVec,
}

/// Requests and how many calendars cost as many.
type Spread = BTreeMap<i64, i64>;

impl Budget {
    pub(super) fn new(ledger: &mut Ledger) -> Self {
        let bars = ledger.gauges(
            "calhub_calendar_requests_per_day_budget",
            "What `calhub_calendar_requests_per_day` should stay below: 14 and 40 where the provider pushes, more where the hub must poll.",
            &["provider", "quantile"],
        );
        for (provider, budget) in [
            (Provider::Google, PUSHED),
            (Provider::Microsoft, PUSHED),
            (Provider::Caldav, POLLED),
            (Provider::Ics, POLLED),
        ] {
            for (quantile, bar) in budget {
                bars.with_label_values(&[provider.as_str(), quantile]).set(bar);
            }
        }
        let asked = ledger.gauges(
            "calhub_calendar_requests_per_day",
            "Requests to the provider a calendar in the last 24 hours: median (0.5) and 95th percentile (0.95) over a tenant's calendars, for the hundred tenants that ask the most.",
            &["tenant", "provider", "quantile"],
        );
        Self { counted: None, asked }
    }

    pub(super) async fn count(&mut self, tx: &mut Tx, now: Timestamp) -> Result<(), StoreError> {
        if is_recent(self.counted, now, KEPT) {
            return Ok(());
        }
        let mut spreads: BTreeMap<(TenantId, &str), Spread> = BTreeMap::new();
        for RequestCount { tenant_id, provider, requests, calendars } in
            tx.census().requests(now).await?
        {
            let spread = spreads.entry((tenant_id, provider.as_str())).or_default();
            *spread.entry(requests).or_default() += calendars;
        }
        let mut most: Vec<_> = spreads
            .into_iter()
            .map(|(whose, spread)| (quantile(&spread, 95), quantile(&spread, 50), whose))
            .collect();
        most.sort_by(|a, b| b.cmp(a));
        self.asked.reset();
        for (p95, median, (tenant, provider)) in most.into_iter().take(TENANTS) {
            for (quantile, value) in [(MEDIAN, median), (P95, p95)] {
                let labels = [tenant.as_str(), provider, quantile];
                self.asked.with_label_values(&labels).set(value as f64);
            }
        }
        self.counted = Some(now);
        Ok(())
    }
}

/// The smallest number of requests that `percent` of the calendars do not exceed.
fn quantile(spread: &Spread, percent: i64) -> i64 {
    let all: i64 = spread.values().sum();
    let rank = (all * percent + 99) / 100;
    let mut below = 0;
    for (requests, calendars) in spread {
        below += calendars;
        if below >= rank {
            return *requests;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_nearest_ranks() {
        let spread: Spread = (1..=100).map(|requests| (requests, 1)).collect();
        assert_eq!((quantile(&spread, 50), quantile(&spread, 95)), (50, 95));
        assert_eq!(quantile(&Spread::from([(7, 3)]), 95), 7);
        assert_eq!(quantile(&Spread::from([(3, 1), (9, 1)]), 50), 3);
        assert_eq!(quantile(&Spread::new(), 50), 0);
    }
}
