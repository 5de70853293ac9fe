//! What the answers of providers say of this machine's clock.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use connectors::transport::Exchange;
use jiff::SignedDuration;

use crate::clock::Clock;

/// How far this machine's clock is from those of the servers that it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// Negative when it is behind. By the middle one of the servers, so that a server whose own clock is wrong says
    /// little.
    pub by: SignedDuration,
    pub hosts: usize,
}

/// The last difference to the clock of each of some hosts.
pub(super) struct Clocks {
    clock: Arc<dyn Clock>,
    by_host: Mutex<HashMap<String, SignedDuration>>,
}

impl fmt::Debug for Clocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clocks")
    }
}

impl Clocks {
    /// Enough to outvote a few that are wrong.
    const HOSTS: usize = 64;

    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, by_host: Mutex::default() }
    }

    pub(super) fn note(&self, exchange: &Exchange<'_>) {
        let Some(dated) = exchange.dated else { return };
        let by = self.clock.now().duration_since(dated);
        let mut by_host = self.by_host.lock().unwrap_or_else(PoisonError::into_inner);
        if by_host.len() < Self::HOSTS || by_host.contains_key(exchange.host) {
            by_host.insert(exchange.host.to_owned(), by);
        }
    }

    pub(super) fn ahead(&self) -> Option<Ahead> {
        let by_host = self.by_host.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = by_host.values().copied().collect();
        all.sort_unstable();
        let by = *all.get(all.len() / 2)?;
        Some(Ahead { by, hosts: all.len() })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn one_server_whose_clock_is_wrong_does_not_make_ours_wrong() {
        let now = "2027-03-02T09:00:00Z".parse().unwrap();
        let clocks = Clocks::new(Arc::new(ManualClock::at(now)));
        assert_eq!(clocks.ahead(), None);
        for (host, off) in [("a", 0), ("b", 1), ("c", -86_400), ("c", -86_401)] {
            clocks.note(&Exchange {
                provider: "ics",
                operation: "feed",
                host,
                status: Some(200),
                dated: Some(now + SignedDuration::from_secs(off)),
                sent_bytes: 0,
                received_bytes: 0,
                duration: Duration::ZERO,
            });
        }
        assert_eq!(clocks.ahead(), Some(Ahead { by: SignedDuration::ZERO, hosts: 3 }));
    }
}
