//! Time and chance as arguments: nothing in the hub reads the machine's clock or randomness but here.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};
use rustix::time::{ClockId, clock_gettime};

use crate::drill::skewed;

/// Tells the time.
pub trait Clock: fmt::Debug + Send + Sync {
    fn now(&self) -> Timestamp;
}

/// Makes unpredictable bytes.
pub trait Entropy: fmt::Debug + Send + Sync {
    fn fill(&self, bytes: &mut [u8]);
}

/// The machine's clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Timestamp {
        skewed(Timestamp::now())
    }
}

/// A reading of the machine's steady clock: it goes on through suspends, and nobody can set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Steady(Duration);

impl Steady {
    pub fn now() -> Self {
        #[cfg(target_os = "linux")]
        const STEADY: ClockId = ClockId::Boottime;
        #[cfg(not(target_os = "linux"))]
        const STEADY: ClockId = ClockId::Monotonic;
        Self(clock_gettime(STEADY).try_into().unwrap_or_default())
    }

    fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// What somebody else's clock said, and when we asked and were answered.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub told: Timestamp,
    pub asked: Steady,
    pub answered: Steady,
}

impl Look {
    /// The time at the answer is unknown by this much.
    fn doubt(&self) -> Duration {
        self.answered.since(self.asked)
    }
}

/// Somebody else's clock, carried on between two looks at it by the machine's steady one. What is done to this
/// machine's time of day moves it nowhere.
#[derive(Debug)]
pub struct CarriedClock(Mutex<(Timestamp, Steady)>);

impl CarriedClock {
    /// An answer that took longer tells too little about the time.
    const MOST_DOUBT: Duration = Duration::from_secs(1);

    pub fn begin(look: Look) -> Self {
        Self(Mutex::new((forward(look.told, look.doubt() / 2), look.answered)))
    }

    /// Goes by this look, if what was carried on until now is not as good. Answers by how much the time moved.
    pub fn correct(&self, look: Look) -> SignedDuration {
        let carried = self.at(look.answered);
        let doubt = look.doubt();
        let is_right = look.told <= carried && carried <= forward(look.told, doubt);
        if is_right || doubt > Self::MOST_DOUBT {
            return SignedDuration::ZERO;
        }
        let now = forward(look.told, doubt / 2);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (now, look.answered);
        now.duration_since(carried)
    }

    fn at(&self, steady: Steady) -> Timestamp {
        let (told, then) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        forward(told, steady.since(then))
    }
}

impl Clock for CarriedClock {
    fn now(&self) -> Timestamp {
        self.at(Steady::now())
    }
}

fn forward(time: Timestamp, by: Duration) -> Timestamp {
    time.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// The operating system's randomness.
#[derive(Clone, Copy, Debug)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        use rand_core::TryRngCore;
        rand_core::OsRng
            .try_fill_bytes(bytes)
            .expect("a machine without randomness must not make keys");
    }
}

/// A clock that moves only when told to.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Mutex<Timestamp>>);

impl ManualClock {
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(now)))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = forward(*now, by);
    }

    /// Sets the clock, also backwards.
    pub fn set(&self, to: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = to;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Randomness that repeats with its seed.
#[derive(Clone, Debug)]
pub struct SeededEntropy(Arc<Mutex<ChaCha20Rng>>);

impl SeededEntropy {
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(ChaCha20Rng::seed_from_u64(seed))))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(told_ms: i64, asked_ms: u64, answered_ms: u64) -> Look {
        let steady = |ms| Steady(Duration::from_millis(ms));
        let told = Timestamp::from_millisecond(told_ms).unwrap();
        Look { told, asked: steady(asked_ms), answered: steady(answered_ms) }
    }

    fn at(clock: &CarriedClock, ms: u64) -> i64 {
        clock.at(Steady(Duration::from_millis(ms))).as_millisecond()
    }

    #[test]
    fn between_two_looks_the_steady_clock_carries_it_on() {
        let clock = CarriedClock::begin(look(50_000, 1_000, 1_010));
        assert_eq!(at(&clock, 1_010), 50_005);
        assert_eq!(at(&clock, 9_010), 58_005);
    }

    #[test]
    fn a_look_that_agrees_within_its_doubt_moves_nothing() {
        let clock = CarriedClock::begin(look(50_000, 1_000, 1_000));
        assert_eq!(clock.correct(look(59_005, 10_000, 10_020)), SignedDuration::ZERO);
        assert_eq!(at(&clock, 10_020), 59_020);
    }

    #[test]
    fn a_look_that_disagrees_is_believed_unless_it_took_long() {
        let clock = CarriedClock::begin(look(50_000, 1_000, 1_000));
        assert_eq!(clock.correct(look(90_000, 10_000, 11_100)), SignedDuration::ZERO);
        assert_eq!(clock.correct(look(50_000, 11_000, 11_000)).as_secs(), -10);
        assert_eq!(at(&clock, 12_000), 51_000);
    }

    #[test]
    fn the_steady_clock_goes_forward() {
        let before = Steady::now();
        assert!(Steady::now() >= before && before > Steady(Duration::ZERO));
    }
}
