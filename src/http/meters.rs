//! What `/metrics` counts. No label ever holds a tenant, an id or an address.

use std::{fmt, time::Duration};

use axum::http::Method;
use prometheus::{
    Encoder, Gauge, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder, core::Collector,
};

use crate::store::LaneCounts;

/// The hub's meters, each in its own registry so that tests do not meet.
pub(super) struct Meters {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
    index_calendars: IntGauge,
    index_intervals: IntGauge,
    index_lag: Gauge,
    work_rows: IntGaugeVec,
}

impl fmt::Debug for Meters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meters")
    }
}

impl Meters {
    /// `others` are counted elsewhere and told here.
    pub(super) fn new(others: Vec<Box<dyn Collector>>) -> Self {
        const NAMED: &str = "names and labels here are valid and stand once";
        let registry = Registry::new();
        let requests = IntCounterVec::new(
            Opts::new("calhub_http_requests_total", "Requests answered, by route and status."),
            &["method", "route", "status"],
        )
        .expect(NAMED);
        let buckets = vec![0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];
        let seconds = HistogramVec::new(
            HistogramOpts::new("calhub_http_request_seconds", "How long requests took.")
                .buckets(buckets),
            &["route"],
        )
        .expect(NAMED);
        let gauge = |name: &str, help: &str| IntGauge::new(name, help).expect(NAMED);
        let index_calendars = gauge("calhub_index_calendars", "Calendars in the busy index.");
        let index_intervals = gauge("calhub_index_intervals", "Busy intervals in the busy index.");
        let index_lag = Gauge::new(
            "calhub_index_lag_seconds",
            "How far the busy index is behind the store at most.",
        )
        .expect(NAMED);
        let work_rows = IntGaugeVec::new(
            Opts::new("calhub_work_rows", "Rows of due work, by lane and state."),
            &["lane", "state"],
        )
        .expect(NAMED);
        registry.register(Box::new(requests.clone())).expect(NAMED);
        registry.register(Box::new(seconds.clone())).expect(NAMED);
        for gauge in [&index_calendars, &index_intervals] {
            registry.register(Box::new(gauge.clone())).expect(NAMED);
        }
        registry.register(Box::new(index_lag.clone())).expect(NAMED);
        registry.register(Box::new(work_rows.clone())).expect(NAMED);
        for other in others {
            registry.register(other).expect(NAMED);
        }
        Self { registry, requests, seconds, index_calendars, index_intervals, index_lag, work_rows }
    }

    pub(super) fn answered(&self, method: &Method, route: &str, status: u16, took: Duration) {
        self.requests.with_label_values(&[method.as_str(), route, &status.to_string()]).inc();
        self.seconds.with_label_values(&[route]).observe(took.as_secs_f64());
    }

    pub(super) fn indexed(&self, (calendars, intervals): (usize, usize), lag_s: f64) {
        self.index_calendars.set(i64::try_from(calendars).unwrap_or(i64::MAX));
        self.index_intervals.set(i64::try_from(intervals).unwrap_or(i64::MAX));
        self.index_lag.set(lag_s);
    }

    pub(super) fn worked(&self, lanes: &[LaneCounts]) {
        for lane in lanes {
            for (state, rows) in [
                ("all", lane.rows),
                ("ready", lane.ready),
                ("leased", lane.leased),
                ("failing", lane.failing),
            ] {
                self.work_rows.with_label_values(&[&lane.lane, state]).set(rows);
            }
        }
    }

    /// Everything in Prometheus' text form.
    pub(super) fn render(&self) -> String {
        let mut text = Vec::new();
        let families = self.registry.gather();
        match TextEncoder::new().encode(&families, &mut text) {
            Ok(()) => String::from_utf8(text).unwrap_or_default(),
            Err(error) => {
                tracing::error!(%error, "The metrics cannot be written.");
                String::new()
            }
        }
    }
}
