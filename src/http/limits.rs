//! The hub's own limits: so many requests a minute and caller, told in `RateLimit-*`.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;

/// A bucket a caller, refilled steadily.
#[derive(Debug)]
pub(super) struct Limiter {
    per_minute: u32,
    burst: u32,
    buckets: Mutex<HashMap<String, Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Timestamp,
}

/// What the caller is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub allowed: bool,
    pub limit: u32,
    pub remaining: u32,
    /// Seconds until the bucket is full again, or until the next request is allowed.
    pub reset_s: u64,
}

/// More callers than this are forgotten at once; a full bucket is what a new caller gets anyway.
const MOST_BUCKETS: usize = 100_000;

impl Limiter {
    pub(super) fn new(per_minute: u32, burst: u32) -> Self {
        Self { per_minute, burst: burst.max(1), buckets: Mutex::default() }
    }

    /// Takes one request from the caller's bucket. `None` when there is no limit.
    pub(super) fn take(&self, caller: &str, now: Timestamp) -> Option<Verdict> {
        if self.per_minute == 0 {
            return None;
        }
        let per_second = f64::from(self.per_minute) / 60.0;
        let full = f64::from(self.burst);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST_BUCKETS {
            buckets.clear();
        }
        if !buckets.contains_key(caller) {
            buckets.insert(caller.to_owned(), Bucket { left: full, at: now });
        }
        let bucket = buckets.get_mut(caller)?;
        let passed = now.duration_since(bucket.at).as_secs_f64().max(0.0);
        bucket.left = (bucket.left + passed * per_second).min(full);
        bucket.at = now;
        let allowed = bucket.left >= 1.0;
        if allowed {
            bucket.left -= 1.0;
        }
        let missing = if allowed { full - bucket.left } else { 1.0 - bucket.left };
        Some(Verdict {
            allowed,
            limit: self.burst,
            remaining: whole(bucket.left.floor()),
            reset_s: u64::from(whole((missing / per_second).ceil())),
        })
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what fits")]
fn whole(number: f64) -> u32 {
    number.clamp(0.0, f64::from(u32::MAX)) as u32
}

/// Whom failed sign-ins are counted against: an IPv4 address, or the /64 of an IPv6 one.
pub(super) fn origin(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::{Clock, ManualClock};

    #[test]
    fn a_caller_may_burst_and_then_waits_for_the_refill() {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        let limiter = Limiter::new(60, 2);
        assert!(limiter.take("a", clock.now()).unwrap().allowed);
        assert!(limiter.take("a", clock.now()).unwrap().allowed);
        let refused = limiter.take("a", clock.now()).unwrap();
        assert_eq!((refused.allowed, refused.remaining, refused.reset_s), (false, 0, 1));
        assert!(limiter.take("b", clock.now()).unwrap().allowed);
        clock.advance(Duration::from_secs(1));
        assert!(limiter.take("a", clock.now()).unwrap().allowed);
        assert!(Limiter::new(0, 1).take("a", clock.now()).is_none());
    }

    #[test]
    fn neighbours_in_one_ipv6_network_share_a_bucket() {
        let one = origin("2001:db8:1:2:3::4".parse().unwrap());
        assert_eq!(one, origin("2001:db8:1:2:ffff::9".parse().unwrap()));
        assert_ne!(one, origin("2001:db8:1:3::4".parse().unwrap()));
        assert_eq!(origin("::ffff:10.1.2.3".parse().unwrap()), "10.1.2.3");
    }
}
