//! How much an app may ask of a mailbox: at the same time, and in ten minutes.

use jiff::{SignedDuration, Timestamp};

use super::{refusal::Refusal, state::Microsoft};
use crate::quota::Window;

/// What an app asks of one mailbox.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    pub(crate) window: Window,
    /// Requests that are being served.
    pub(crate) running: u32,
    /// The most that ever ran at the same time, also those that were refused.
    pub(crate) peak: u32,
    pub(crate) refused: u64,
}

impl Microsoft {
    /// Counts a request that begins; tells whether it is one too many.
    pub(crate) fn enter(&mut self, lane: &str) -> bool {
        let most = self.knobs.concurrency;
        let lane = self.lanes.entry(lane.to_owned()).or_default();
        lane.running += 1;
        lane.peak = lane.peak.max(lane.running);
        let is_over = lane.running > most;
        lane.refused += u64::from(is_over);
        is_over
    }

    pub(crate) fn leave(&mut self, lane: &str) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.running = lane.running.saturating_sub(1);
        }
    }

    /// Takes a request out of the budget of the mailbox, or refuses it.
    pub(crate) fn spend(
        &mut self,
        lane: &str,
        is_over: bool,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if is_over {
            return Err(self.throttled("MailboxConcurrency"));
        }
        let limit = self.knobs.window_requests;
        let span = SignedDuration::from_secs(self.knobs.window_s.into());
        let window = &mut self.lanes.entry(lane.to_owned()).or_default().window;
        if !window.has_room(1, limit, span, now) {
            return Err(self.throttled("Request"));
        }
        window.spend(1, now);
        Ok(())
    }

    fn throttled(&mut self, limit: &str) -> Refusal {
        let message = format!("Application is over its {limit} limit.");
        let mut refusal = match self.knobs.throttle_status {
            503 => Refusal::new(503, "ServiceUnavailable", &message),
            status => Refusal::new(status, "ApplicationThrottled", &message),
        };
        let is_missing = self.by_chance(self.knobs.retry_after_missing);
        refusal.retry_after_s = (!is_missing).then_some(self.knobs.retry_after_s);
        refusal
    }
}
