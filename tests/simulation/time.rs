//! One true time for everybody, and the hub's clock, which may be off.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};

/// The true time. Providers follow it; the hub's clock is `skew` ahead of it.
#[derive(Clone, Debug)]
pub struct Time {
    truth: Arc<AtomicI64>,
    skew: Arc<AtomicI64>,
    /// How far it was ever set back, all in all.
    back: Arc<AtomicI64>,
}

impl Time {
    pub fn new(start: Timestamp) -> Self {
        let truth = Arc::new(AtomicI64::new(start.as_microsecond()));
        Self { truth, skew: Arc::default(), back: Arc::default() }
    }

    pub fn truth(&self) -> Timestamp {
        Timestamp::from_microsecond(self.truth.load(Ordering::SeqCst)).unwrap()
    }

    pub fn hub(&self) -> Timestamp {
        self.truth() + self.skew()
    }

    /// How far the hub's clock is ahead.
    pub fn skew(&self) -> SignedDuration {
        SignedDuration::from_micros(self.skew.load(Ordering::SeqCst))
    }

    pub fn pass(&self, span: Duration) {
        self.truth.fetch_add(i64::try_from(span.as_micros()).unwrap(), Ordering::SeqCst);
    }

    /// Lets the hub's clock jump.
    pub fn jump(&self, by: SignedDuration) {
        let by = i64::try_from(by.as_micros()).unwrap();
        self.skew.fetch_add(by, Ordering::SeqCst);
        self.back.fetch_add((-by).max(0), Ordering::SeqCst);
    }

    /// How far the hub's clock was set back so far.
    pub fn back(&self) -> SignedDuration {
        SignedDuration::from_micros(self.back.load(Ordering::SeqCst))
    }
}

impl calhub::clock::Clock for Time {
    fn now(&self) -> Timestamp {
        self.hub()
    }
}

impl simulators::Clock for Time {
    fn now(&self) -> Timestamp {
        self.truth()
    }
}

impl simulators::Sleeper for Time {
    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        self.pass(span);
        Box::pin(std::future::ready(()))
    }

    /// Time passes here, not in the world's own clock.
    fn is_real(&self) -> bool {
        true
    }
}
