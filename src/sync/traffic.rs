//! What is asked of providers and how it ends, counted for the operator: provider quota is the scarce resource.
//!
//! No label ever holds a host, an account or an id.

use std::{cell::Cell, fmt, sync::Arc, time::Duration};

use connectors::transport::{Exchange, Observer};
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, core::Collector};

use super::{
    clocks::{Ahead, Clocks},
    lanes::Lane,
};
use crate::clock::Clock;

/// A collector with the type under which it is documented.
pub type Counted = (&'static str, Box<dyn Collector>);

const NAMED: &str = "names and labels here are valid";

fn counter(name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    IntCounterVec::new(Opts::new(name, help), labels).expect(NAMED)
}

fn histogram(name: &str, help: &str) -> HistogramVec {
    let buckets = vec![0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0];
    HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets), &["provider"]).expect(NAMED)
}

tokio::task_local! {
    static ASKED: Cell<u64>;
}

/// Counts the requests to providers that `work` makes on its own task.
pub(super) async fn counted<T>(work: impl Future<Output = T>) -> (T, u64) {
    let work = async {
        let outcome = work.await;
        (outcome, ASKED.with(Cell::get))
    };
    ASKED.scope(Cell::new(0), work).await
}

/// Counters of all exchanges with providers.
pub struct Traffic {
    requests: IntCounterVec,
    seconds: HistogramVec,
    received: IntCounterVec,
    clocks: Option<Clocks>,
}

impl fmt::Debug for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Traffic")
    }
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            requests: counter(
                "calhub_provider_requests_total",
                "Requests sent to providers, by the class of the answer; `none` where there was none.",
                &["provider", "operation", "answer"],
            ),
            seconds: histogram(
                "calhub_provider_request_duration_seconds",
                "How long providers took to answer.",
            ),
            received: counter(
                "calhub_provider_received_bytes_total",
                "Bytes received from providers, before decompression.",
                &["provider"],
            ),
            clocks: None,
        }
    }
}

impl Traffic {
    /// Compares this clock with those of the servers that answer, too.
    pub fn by_clock(clock: Arc<dyn Clock>) -> Self {
        Self { clocks: Some(Clocks::new(clock)), ..Self::default() }
    }

    /// How far this machine's clock is ahead of the providers', once one has answered.
    pub fn clock_ahead(&self) -> Option<Ahead> {
        self.clocks.as_ref()?.ahead()
    }

    /// What `/metrics` registers.
    pub fn collectors(&self) -> Vec<Counted> {
        vec![
            ("counter", Box::new(self.requests.clone())),
            ("histogram", Box::new(self.seconds.clone())),
            ("counter", Box::new(self.received.clone())),
        ]
    }
}

impl Observer for Traffic {
    fn exchanged(&self, exchange: &Exchange<'_>) {
        let answer = match exchange.status {
            Some(200..=299) => "2xx",
            Some(300..=399) => "3xx",
            Some(429) => "429",
            Some(400..=499) => "4xx",
            Some(_) => "5xx",
            None => "none",
        };
        let labels = [exchange.provider, exchange.operation, answer];
        self.requests.with_label_values(&labels).inc();
        let provider = [exchange.provider];
        self.seconds.with_label_values(&provider).observe(exchange.duration.as_secs_f64());
        self.received
            .with_label_values(&provider)
            .inc_by(u64::try_from(exchange.received_bytes).unwrap_or(u64::MAX));
        if let Some(clocks) = &self.clocks {
            clocks.note(exchange);
        }
        // Outside of work that is counted, nobody wants to know.
        let _ = ASKED.try_with(|asked| asked.set(asked.get() + 1));
    }
}

/// How the engine's work ends.
pub(super) struct Tally {
    pulls: IntCounterVec,
    seconds: HistogramVec,
    listings: IntCounterVec,
    taken_over: IntCounterVec,
}

impl Default for Tally {
    fn default() -> Self {
        let taken_over = counter(
            "calhub_work_leases_taken_over_total",
            "Pieces of work claimed again because whoever had them never ended them.",
            &["lane"],
        );
        for lane in Lane::ALL {
            taken_over.with_label_values(&[lane.as_str()]).inc_by(0);
        }
        Self {
            pulls: counter(
                "calhub_pulls_total",
                "Pulls of calendars by outcome: `ok`, `quarantined`, or the failure's code.",
                &["provider", "outcome"],
            ),
            seconds: histogram(
                "calhub_pull_duration_seconds",
                "How long pulls took, from the first request until all was stored.",
            ),
            listings: counter(
                "calhub_listings_total",
                "Listings of a connection's calendars by outcome: `ok` or the failure's code.",
                &["provider", "outcome"],
            ),
            taken_over,
        }
    }
}

impl Tally {
    pub(super) fn collectors(&self) -> Vec<Counted> {
        vec![
            ("counter", Box::new(self.pulls.clone())),
            ("histogram", Box::new(self.seconds.clone())),
            ("counter", Box::new(self.listings.clone())),
            ("counter", Box::new(self.taken_over.clone())),
        ]
    }

    pub(super) fn pulled(&self, provider: &str, outcome: &str, took: Duration) {
        self.pulls.with_label_values(&[provider, outcome]).inc();
        self.seconds.with_label_values(&[provider]).observe(took.as_secs_f64());
    }

    pub(super) fn listed(&self, provider: &str, outcome: &str) {
        self.listings.with_label_values(&[provider, outcome]).inc();
    }

    pub(super) fn taken_over(&self, lane: Lane) {
        self.taken_over.with_label_values(&[lane.as_str()]).inc();
    }
}
