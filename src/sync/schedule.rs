//! When to ask a provider again. Pure: the instant and the randomness are passed in.
//!
//! A steady poll comes 8 to 15 % early, so that calendars linked together do not stay together, and a change is
//! seen within one interval even when it must be looked at twice (rule 12). A failed pull is tried once more soon, then no
//! oftener than a healthy calendar polls: an outage makes hardly more traffic than no outage, and a recovered
//! provider is read again within one poll interval, whatever it said while it was ill.

use std::time::Duration;

use connectors::RetryAfter;
use jiff::Timestamp;

use crate::clock::Entropy;

/// The first retry after a failure comes within this.
const FIRST_RETRY: Duration = Duration::from_secs(60);
/// What only a person can mend is asked at the poll rate so often (a day), then every so often.
const HOPES: u32 = 96;
const PATIENCE: Duration = Duration::from_secs(60 * 60);
/// A provider cannot send us away for longer than this.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);
/// How often a window is moved on, and how often calendars are listed.
pub const ADVANCE_EVERY: Duration = Duration::from_secs(24 * 60 * 60);
pub const LIST_EVERY: Duration = Duration::from_secs(60 * 60);
/// The same where the provider tells of changes: a listing an hour would cost more than all that is read.
pub const LIST_TOLD: Duration = Duration::from_secs(6 * 60 * 60);
/// A quarantined removal is looked at again after this, plus a little.
pub const SECOND_LOOK: Duration = Duration::from_secs(60);

/// How a call failed, as far as waiting goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// May be gone at any moment: full jitter, then the poll rate.
    Passing,
    /// The provider asked for room: equal jitter, never before its own word.
    Throttled(Option<RetryAfter>),
    /// Stays until a person acts, unless the provider slipped: the poll rate for a day, then hourly.
    Lasting,
}

/// Decides when a calendar that was just read is read again.
pub fn next_poll(now: Timestamp, every: Duration, entropy: &dyn Entropy) -> Timestamp {
    after(now, steady(every, fraction(entropy)))
}

/// An interval, less what spreads polls and leaves room for a second look.
fn steady(every: Duration, chance: f64) -> Duration {
    every.mul_f64(0.85 + 0.07 * chance)
}

/// Decides when to try again after `failures` failures in a row (this one included).
pub fn retry(
    now: Timestamp,
    failure: Failure,
    failures: u32,
    every: Duration,
    entropy: &dyn Entropy,
) -> Timestamp {
    let chance = fraction(entropy);
    match failure {
        Failure::Passing if failures <= 1 => after(now, FIRST_RETRY.min(every).mul_f64(chance)),
        Failure::Passing => after(now, steady(every, chance)),
        Failure::Throttled(asked) => {
            // Hardly more often than in health, and back within one poll interval.
            let longest = doubled(FIRST_RETRY, failures.saturating_add(1)).clamp(every / 2, every);
            let ours = after(now, longest.mul_f64(0.5 + 0.5 * chance));
            match asked.map(|asked| not_before(now, asked)) {
                // A tenth more, so that those who were sent away together do not return together.
                Some(theirs) => {
                    let wait = Duration::try_from(theirs.duration_since(now)).unwrap_or_default();
                    ours.max(after(theirs, wait.mul_f64(0.1 * chance)))
                }
                None => ours,
            }
        }
        Failure::Lasting => {
            let longest = if failures <= HOPES { every } else { PATIENCE.max(every) };
            after(now, steady(longest, chance))
        }
    }
}

/// The instant before which a provider does not want to hear from us, at most a day away.
pub fn not_before(now: Timestamp, asked: RetryAfter) -> Timestamp {
    let latest = after(now, LONGEST_WAIT);
    match asked {
        RetryAfter::In(wait) => after(now, wait).min(latest),
        RetryAfter::At(at) => at.clamp(now, latest),
    }
}

/// The age at which a calendar that polls every `every` counts as stale: a third more than the interval.
pub fn expected_max_age(every: Duration) -> Duration {
    every.mul_f64(4.0 / 3.0)
}

/// Adds a duration to an instant, stopping at the end of time.
pub fn after(now: Timestamp, wait: Duration) -> Timestamp {
    now.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

fn doubled(base: Duration, times: u32) -> Duration {
    base.saturating_mul(1_u32 << times.min(16))
}

/// A number in `[0, 1)`.
fn fraction(entropy: &dyn Entropy) -> f64 {
    let mut bytes = [0_u8; 4];
    entropy.fill(&mut bytes);
    f64::from(u32::from_le_bytes(bytes)) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SeededEntropy;

    const QUARTER: Duration = Duration::from_secs(15 * 60);

    fn waits(failure: Failure, failures: u32) -> Vec<i64> {
        let entropy = SeededEntropy::new(7);
        let now = Timestamp::UNIX_EPOCH;
        let wait = |_| retry(now, failure, failures, QUARTER, &entropy).as_second();
        (0..500).map(wait).collect()
    }

    #[test]
    fn steady_polls_spread_around_their_interval_and_stay_below_the_expected_age() {
        let entropy = SeededEntropy::new(1);
        let limit = expected_max_age(QUARTER).as_secs();
        assert_eq!(limit, 20 * 60);
        let polls: Vec<i64> = (0..1000)
            .map(|_| next_poll(Timestamp::UNIX_EPOCH, QUARTER, &entropy).as_second())
            .collect();
        assert!(polls.iter().all(|s| (765..=828).contains(s)));
        let mean = polls.iter().sum::<i64>() / 1000;
        assert!((790..=802).contains(&mean), "{mean}");
    }

    #[test]
    fn an_outage_makes_at_most_a_tenth_more_requests_than_health() {
        let entropy = SeededEntropy::new(3);
        let (mut now, mut tries) = (Timestamp::UNIX_EPOCH, 0_u32);
        let day = 24 * 60 * 60;
        while now.as_second() < day {
            tries += 1;
            now = retry(now, Failure::Passing, tries, QUARTER, &entropy);
        }
        let health = day as f64 / (QUARTER.as_secs_f64() * 0.885);
        assert!(f64::from(tries) <= health * 1.1, "{tries} tries in a day");
    }

    #[test]
    fn a_recovered_provider_is_read_within_one_poll_interval() {
        for failures in [1, 2, 5, 40] {
            assert!(waits(Failure::Passing, failures).iter().all(|s| *s <= 900));
        }
    }

    #[test]
    fn nothing_is_sent_before_retry_after() {
        let asked = Failure::Throttled(Some(RetryAfter::In(Duration::from_secs(7200))));
        assert!(waits(asked, 1).iter().all(|s| (7200..=7920).contains(s)));
        let at = Timestamp::from_second(500).unwrap();
        let asked = Failure::Throttled(Some(RetryAfter::At(at)));
        assert!(waits(asked, 4).iter().all(|s| *s >= 500));
    }

    #[test]
    fn throttling_never_collapses_to_an_immediate_retry() {
        assert!(waits(Failure::Throttled(None), 1).iter().all(|s| *s >= 30));
    }

    #[test]
    fn a_hostile_retry_after_ends_after_a_day() {
        let asked = RetryAfter::In(Duration::from_secs(u64::from(u32::MAX)));
        assert_eq!(not_before(Timestamp::UNIX_EPOCH, asked).as_second(), 86_400);
        let past = Timestamp::from_second(-5).unwrap();
        assert_eq!(not_before(Timestamp::UNIX_EPOCH, RetryAfter::At(past)).as_second(), 0);
    }

    #[test]
    fn what_a_person_must_mend_is_asked_at_the_poll_rate_for_a_day_and_then_hourly() {
        assert!(waits(Failure::Lasting, 1).iter().all(|s| (765..=828).contains(s)));
        assert!(waits(Failure::Lasting, 96).iter().all(|s| *s <= 828));
        assert!(waits(Failure::Lasting, 97).iter().all(|s| (3060..=3312).contains(s)));
    }
}
