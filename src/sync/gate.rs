//! Politeness towards hosts: one call in flight a host, and none before the instant it asked for.
//!
//! Kept in memory, a process each: after a restart the first answer of a throttling host closes it again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;

/// All hosts that somebody is talking to, or must not talk to yet.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<Mutex<HashMap<String, Host>>>);

#[derive(Debug, Default)]
struct Host {
    in_flight: usize,
    closed_until: Option<Timestamp>,
}

/// Leave to talk to one host, given back when dropped.
#[derive(Debug)]
pub struct Pass {
    gate: Gate,
    host: String,
}

/// Why there is no pass now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Somebody else is talking to it.
    Busy,
    /// It asked to be left alone until then.
    Closed(Timestamp),
}

impl Gate {
    /// Asks for leave to talk to `host`, with at most `limit` conversations at once.
    ///
    /// # Errors
    ///
    /// [`Denied`] tells when asking again makes sense.
    pub fn enter(&self, host: &str, limit: usize, now: Timestamp) -> Result<Pass, Denied> {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let state = hosts.entry(host.to_owned()).or_default();
        match state.closed_until {
            Some(until) if until > now => return Err(Denied::Closed(until)),
            _ => state.closed_until = None,
        }
        if state.in_flight >= limit.max(1) {
            return Err(Denied::Busy);
        }
        state.in_flight += 1;
        Ok(Pass { gate: self.clone(), host: host.to_owned() })
    }

    /// How many hosts are closed now, and until when the last of them.
    pub fn closed(&self, now: Timestamp) -> (usize, Option<Timestamp>) {
        let hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let closed = hosts.values().filter_map(|host| host.closed_until);
        closed
            .filter(|until| *until > now)
            .fold((0, None), |(count, latest), until| (count + 1, latest.max(Some(until))))
    }

    /// Keeps everybody from `host` until then.
    pub fn close(&self, host: &str, until: Timestamp) {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let state = hosts.entry(host.to_owned()).or_default();
        state.closed_until = state.closed_until.max(Some(until));
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut hosts = self.gate.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = hosts.get_mut(&self.host) {
            state.in_flight = state.in_flight.saturating_sub(1);
            if state.in_flight == 0 && state.closed_until.is_none() {
                hosts.remove(&self.host);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn one_conversation_a_host_and_hosts_do_not_wait_for_each_other() {
        let gate = Gate::default();
        let first = gate.enter("a.example", 1, at(0)).unwrap();
        assert_eq!(gate.enter("a.example", 1, at(0)).unwrap_err(), Denied::Busy);
        assert!(gate.enter("b.example", 1, at(0)).is_ok());
        drop(first);
        assert!(gate.enter("a.example", 1, at(0)).is_ok());
    }

    #[test]
    fn a_host_that_asked_for_room_gets_it() {
        let gate = Gate::default();
        gate.close("a.example", at(60));
        gate.close("a.example", at(30));
        assert_eq!(gate.enter("a.example", 1, at(59)).unwrap_err(), Denied::Closed(at(60)));
        assert!(gate.enter("a.example", 1, at(60)).is_ok());
    }
}
