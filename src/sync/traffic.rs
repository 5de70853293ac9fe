//! What is asked of providers, counted for the operator: provider quota is the scarce resource.
//!
//! No label ever holds a host, an account or an id.

use std::fmt;

use connectors::transport::{Exchange, Observer};
use prometheus::{IntCounterVec, Opts, core::Collector};

/// Counters of all exchanges with providers.
pub struct Traffic {
    requests: IntCounterVec,
    received: IntCounterVec,
}

impl fmt::Debug for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Traffic")
    }
}

impl Default for Traffic {
    fn default() -> Self {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            IntCounterVec::new(Opts::new(name, help), labels)
                .expect("names and labels here are valid")
        };
        Self {
            requests: counter(
                "calhub_provider_requests_total",
                "Requests sent to providers, by the class of the answer; `none` where there was none.",
                &["provider", "operation", "answer"],
            ),
            received: counter(
                "calhub_provider_received_bytes_total",
                "Bytes received from providers, before decompression.",
                &["provider"],
            ),
        }
    }
}

impl Traffic {
    /// What `/metrics` registers.
    pub fn collectors(&self) -> Vec<Box<dyn Collector>> {
        vec![Box::new(self.requests.clone()), Box::new(self.received.clone())]
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
        self.received
            .with_label_values(&[exchange.provider])
            .inc_by(u64::try_from(exchange.received_bytes).unwrap_or(u64::MAX));
    }
}
