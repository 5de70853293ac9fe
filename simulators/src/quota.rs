//! A budget over a sliding span of time.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

/// What was spent within the last span.
#[derive(Debug, Default)]
pub(crate) struct Window {
    spent: VecDeque<(Timestamp, u32)>,
    sum: u32,
    /// The most that was asked for in any span, also what was refused.
    pub(crate) peak: u32,
    pub(crate) refused: u64,
}

impl Window {
    fn forget(&mut self, span: SignedDuration, now: Timestamp) {
        while let Some((at, units)) = self.spent.front()
            && now.duration_since(*at) >= span
        {
            self.sum -= units;
            self.spent.pop_front();
        }
    }

    pub(crate) fn has_room(
        &mut self,
        units: u32,
        limit: u32,
        span: SignedDuration,
        now: Timestamp,
    ) -> bool {
        self.forget(span, now);
        let wanted = self.sum.saturating_add(units);
        self.peak = self.peak.max(wanted);
        if wanted > limit {
            self.refused += 1;
        }
        wanted <= limit
    }

    pub(crate) fn spend(&mut self, units: u32, now: Timestamp) {
        self.sum += units;
        self.spent.push_back((now, units));
    }
}
