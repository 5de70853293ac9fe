//! What `/metrics` tells: counters that run with the hub, and a [`census`] taken when somebody asks.
//!
//! Labels hold words of closed sets. The one exception is `tenant`, an opaque id, on the request budget of
//! the hundred tenants that ask the most. No label ever holds an account, an address, a name or a secret.

mod bookings;
mod budget;
mod calendars;
mod census;
mod connections;
mod database;
mod level;
mod machine;
mod push;
mod work;

use std::{fmt, sync::Arc, time::Duration};

use axum::http::{Method, StatusCode};
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
    core::Collector,
};
use tokio::sync::Mutex;

use self::{census::Census, machine::Machine};
use crate::hub::Hub;

/// The hub's meters, each in its own registry so that tests do not meet.
pub(super) struct Meters {
    registry: Registry,
    /// What is registered, for the documentation.
    told: Vec<Told>,
    requests: IntCounterVec,
    seconds: HistogramVec,
    pub(super) readers: IntGauge,
    census: Mutex<Census>,
    machine: Machine,
}

/// One metric as the documentation lists it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Told {
    name: String,
    kind: &'static str,
    labels: Vec<String>,
    help: String,
}

impl fmt::Debug for Meters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meters")
    }
}

/// Why registering cannot fail.
const NAMED: &str = "names and labels here are valid and stand once";

/// Registers metrics and notes what they are called.
struct Ledger {
    registry: Registry,
    told: Vec<Told>,
}

impl Ledger {
    fn add(&mut self, kind: &'static str, collector: impl Collector + 'static) {
        self.add_boxed(kind, Box::new(collector));
    }

    fn add_boxed(&mut self, kind: &'static str, collector: Box<dyn Collector>) {
        self.told.extend(collector.desc().into_iter().map(|desc| Told {
            name: desc.fq_name.clone(),
            kind,
            labels: desc.variable_labels.clone(),
            help: desc.help.clone(),
        }));
        self.registry.register(collector).expect(NAMED);
    }

    fn counters(&mut self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        let made = IntCounterVec::new(Opts::new(name, help), labels).expect(NAMED);
        self.add("counter", made.clone());
        made
    }

    fn gauges(&mut self, name: &str, help: &str, labels: &[&str]) -> prometheus::GaugeVec {
        let made = prometheus::GaugeVec::new(Opts::new(name, help), labels).expect(NAMED);
        self.add("gauge", made.clone());
        made
    }

    fn gauge(&mut self, name: &str, help: &str) -> prometheus::Gauge {
        let made = prometheus::Gauge::new(name, help).expect(NAMED);
        self.add("gauge", made.clone());
        made
    }
}

impl Meters {
    pub(super) fn new(hub: &Hub) -> Self {
        let mut ledger = Ledger { registry: Registry::new(), told: Vec::new() };
        let requests = ledger.counters(
            "calhub_http_requests_total",
            "Requests answered, by route and status.",
            &["method", "route", "status"],
        );
        let buckets = vec![0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];
        let seconds = HistogramVec::new(
            HistogramOpts::new(
                "calhub_http_request_duration_seconds",
                "How long requests took, by route. A live reader's lasts until its first byte.",
            )
            .buckets(buckets),
            &["route"],
        )
        .expect(NAMED);
        ledger.add("histogram", seconds.clone());
        let readers = IntGauge::new(
            "calhub_sse_readers",
            "Readers that follow the change log live at this moment.",
        )
        .expect(NAMED);
        ledger.add("gauge", readers.clone());
        for (kind, collector) in hub.traffic.collectors().into_iter().chain(hub.engine.collectors())
        {
            ledger.add_boxed(kind, collector);
        }
        let census = Mutex::new(Census::new(&mut ledger, hub));
        let machine = Machine::new(&mut ledger);
        let Ledger { registry, mut told } = ledger;
        told.sort();
        Self { registry, told, requests, seconds, readers, census, machine }
    }

    pub(super) fn answered(
        &self,
        method: &Method,
        route: &str,
        status: StatusCode,
        took: Duration,
    ) {
        self.requests.with_label_values(&[method.as_str(), route, status.as_str()]).inc();
        self.seconds.with_label_values(&[route]).observe(took.as_secs_f64());
    }

    /// Counts what is to be counted now, and writes everything in Prometheus' text form. A database that does
    /// not answer is told by a number, not by an error: that is when the numbers are needed.
    pub(super) async fn told(&self, hub: &Arc<Hub>) -> String {
        self.census.lock().await.take(hub).await;
        self.machine.look();
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

    /// Every metric as a table in Markdown.
    pub(super) fn table(&self) -> String {
        let mut lines = vec![
            "| metric | type | labels | what it says |".to_owned(),
            "|---|---|---|---|".to_owned(),
        ];
        lines.extend(self.told.iter().map(|told| {
            let labels: Vec<String> =
                told.labels.iter().map(|label| format!("`{label}`")).collect();
            format!("| `{}` | {} | {} | {} |", told.name, told.kind, labels.join(", "), told.help)
        }));
        lines.join("\n")
    }
}
