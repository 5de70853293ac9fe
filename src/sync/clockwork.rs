//! A clock that is set back: what was to be done "in a while" would otherwise wait until the old time comes again.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

use super::{engine::Engine, schedule::after};
use crate::store::StoreError;

/// Clocks of several hubs may differ by this, and may be corrected by it, without anybody noticing.
const SKEW: Duration = Duration::from_secs(5 * 60);

/// The latest time that this process has seen.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<Option<Timestamp>>);

impl Seen {
    /// Whether work may have been planned by a clock that was ahead: at the start, when nobody knows what the
    /// last process went by, and whenever time has gone back by more than the usual.
    fn went_back(&self, now: Timestamp) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_back = seen.is_none_or(|seen| after(now, SKEW) < seen);
        // A small step back is waited out; a large one is the new time.
        *seen = if is_back { Some(now) } else { (*seen).max(Some(now)) };
        is_back
    }
}

impl Engine {
    /// Makes due what was planned by a clock that was ahead of ours. Costs nothing while time goes forward.
    pub(super) async fn mind_the_clock(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        if !self.seen.went_back(now) {
            return Ok(());
        }
        let mut tx = self.store.begin().await?;
        let moved = tx.work().turn_back(after(now, SKEW), now).await?;
        tx.hosts().turn_back(after(now, SKEW), now).await?;
        if moved > 0 {
            tracing::warn!(
                moved,
                "The clock was set back; what waited for the old time is due now."
            );
        }
        tx.commit().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_large_step_back_counts_and_only_once() {
        let seen = Seen::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        assert!(seen.went_back(at(10_000)), "the first look");
        assert!(!seen.went_back(at(10_001)));
        assert!(!seen.went_back(at(9_900)));
        assert!(seen.went_back(at(9_000)));
        assert!(!seen.went_back(at(9_001)));
    }
}
