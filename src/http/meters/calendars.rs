//! How calendars stand, counted in the index: the same words that answers use.

use std::collections::BTreeMap;

use jiff::Timestamp;
use prometheus::{Gauge, GaugeVec};

use super::{Ledger, level::Level};
use crate::{
    hub::Hub,
    index::{Login, Reason},
};

/// Calendar ages: around the usual poll, then what only a fault brings.
const AGES: &[f64] = &[
    60.0, 300.0, 900.0, 1_200.0, 1_800.0, 3_600.0, 14_400.0, 28_800.0, 86_400.0, 259_200.0,
    604_800.0,
];
const FRESH: &str = "fresh";
/// Why a whole calendar may be unknown.
const SILENT: [Reason; 4] =
    [Reason::Stale, Reason::NeverSynced, Reason::Quarantined, Reason::NeedsReauth];

pub(super) struct Calendars {
    states: GaugeVec,
    ages: Level,
    oldest: Gauge,
    held: Gauge,
    intervals: Gauge,
    lag: Gauge,
}

impl Calendars {
    pub(super) fn new(ledger: &mut Ledger) -> Self {
        let ages = Level::new(
            "calhub_calendar_age_seconds",
            "How old what is known of each calendar is at this moment: calendars that were read once and whose login works. Use the buckets as they are, without `rate()`.",
            AGES,
        );
        ledger.add("histogram", ages.clone());
        Self {
            states: ledger.gauges(
                "calhub_calendars",
                "Calendars by what answers say of them: `fresh`, or why they are unknown (`stale`, `never_synced`, `quarantined`, `needs_reauth`).",
                &["state"],
            ),
            ages,
            oldest: ledger.gauge(
                "calhub_calendar_oldest_age_seconds",
                "The greatest of these ages.",
            ),
            held: ledger.gauge("calhub_index_calendars", "Calendars in the busy index."),
            intervals: ledger
                .gauge("calhub_index_intervals", "Busy intervals in the busy index."),
            lag: ledger.gauge(
                "calhub_index_lag_seconds",
                "How far the busy index is behind the store at most; beyond 3 s answers turn unknown. `+Inf` until it is loaded.",
            ),
        }
    }

    pub(super) fn count(&self, hub: &Hub, now: Timestamp) {
        let mut states: BTreeMap<&str, u64> =
            SILENT.iter().map(|reason| (reason.as_str(), 0)).collect();
        states.insert(FRESH, 0);
        let mut ages = Vec::new();
        hub.index.each_calendar(|calendar| {
            let facts = &calendar.facts;
            let state = facts.silence(now, None).map_or(FRESH, Reason::as_str);
            *states.entry(state).or_default() += 1;
            let is_read = facts.login == Login::Works && facts.is_settled;
            ages.extend(facts.age(now).filter(|_| is_read).map(|age| age.as_secs_f64()));
        });
        for (state, calendars) in states {
            self.states.with_label_values(&[state]).set(calendars as f64);
        }
        self.oldest.set(ages.iter().copied().fold(0.0, f64::max));
        self.ages.set(ages.into_iter());
        let (calendars, intervals) = hub.index.size();
        self.held.set(calendars as f64);
        self.intervals.set(intervals as f64);
        let lag = hub.index.lag(now);
        self.lag.set(lag.map_or(f64::INFINITY, |lag| lag.as_secs_f64()));
    }
}
