//! Who was asked what, how often and how much of it: counted for every transport, and told to an observer.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use jiff::Timestamp;

/// One request and what came of it; a redirect is an exchange of its own.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    pub provider: &'static str,
    pub operation: &'static str,
    pub host: &'a str,
    /// `None` when no answer was received.
    pub status: Option<u16>,
    /// When the answerer's clock says that it answered.
    pub dated: Option<Timestamp>,
    pub sent_bytes: usize,
    pub received_bytes: usize,
    pub duration: Duration,
}

/// Told of every exchange, on the task that made it: must not block.
pub trait Observer: fmt::Debug + Send + Sync {
    fn exchanged(&self, exchange: &Exchange<'_>);
}

/// Totals since the transport was made.
#[derive(Debug, Default)]
pub struct Counters {
    requests: AtomicU64,
    failures: AtomicU64,
    sent_bytes: AtomicU64,
    received_bytes: AtomicU64,
}

/// A reading of [`Counters`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub requests: u64,
    /// Requests without an answer.
    pub failures: u64,
    pub sent_bytes: u64,
    /// As received, before decompression.
    pub received_bytes: u64,
}

impl Counters {
    pub fn read(&self) -> Counts {
        Counts {
            requests: self.requests.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            sent_bytes: self.sent_bytes.load(Ordering::Relaxed),
            received_bytes: self.received_bytes.load(Ordering::Relaxed),
        }
    }
}

impl Observer for Counters {
    fn exchanged(&self, exchange: &Exchange<'_>) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.failures.fetch_add(u64::from(exchange.status.is_none()), Ordering::Relaxed);
        self.sent_bytes.fetch_add(exchange.sent_bytes as u64, Ordering::Relaxed);
        self.received_bytes.fetch_add(exchange.received_bytes as u64, Ordering::Relaxed);
    }
}
