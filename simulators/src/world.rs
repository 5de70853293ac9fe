//! The shared truth: its clock, its accounts, its faults and its log.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};

use crate::{
    account::Account,
    fault::{Fault, Planted},
    log::{Entry, Mail},
    post::Receiver,
    spec::AccountSpec,
    state::{AccountState, State},
};

/// Where the world's base time comes from.
pub trait Clock: fmt::Debug + Send + Sync {
    fn now(&self) -> Timestamp;
}

/// What waiting means: nothing in tests, real time in the program.
pub trait Sleeper: fmt::Debug + Send + Sync {
    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()>;

    /// Whether waiting takes real time; else the virtual clock moves instead.
    fn is_real(&self) -> bool {
        true
    }
}

/// Time that stands still unless [`World::advance`] moves it.
#[derive(Clone, Copy, Debug)]
struct Still(Timestamp);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// Waits by not waiting; latencies move the virtual clock instead.
#[derive(Clone, Copy, Debug)]
struct NoSleep;

impl Sleeper for NoSleep {
    fn sleep(&self, _span: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    fn is_real(&self) -> bool {
        false
    }
}

/// A set of simulated providers. Clones share one truth.
#[derive(Clone, Debug)]
pub struct World {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    clock: Box<dyn Clock>,
    sleeper: Box<dyn Sleeper>,
    ahead: Mutex<SignedDuration>,
    state: Mutex<State>,
    post: tokio::sync::Notify,
    receiver: Mutex<Option<Arc<dyn Receiver>>>,
}

impl World {
    /// A world whose clock stands at `start`, and where latency costs no real time.
    pub fn new(start: Timestamp) -> Self {
        Self::with_clock(Box::new(Still(start)), Box::new(NoSleep))
    }

    pub fn with_clock(clock: Box<dyn Clock>, sleeper: Box<dyn Sleeper>) -> Self {
        let state = Mutex::new(State::default());
        Self {
            inner: Arc::new(Inner {
                clock,
                sleeper,
                ahead: Mutex::new(SignedDuration::ZERO),
                state,
                post: tokio::sync::Notify::new(),
                receiver: Mutex::default(),
            }),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn now(&self) -> Timestamp {
        let ahead = *self.inner.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let base = self.inner.clock.now();
        base.checked_add(ahead).unwrap_or(base)
    }

    /// Moves the virtual clock.
    pub fn advance(&self, span: Duration) {
        let mut ahead = self.inner.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        *ahead =
            ahead.saturating_add(SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX));
    }

    pub(crate) async fn sleep(&self, span: Duration) {
        self.inner.sleeper.sleep(span).await;
        if !self.inner.sleeper.is_real() {
            self.advance(span);
        }
    }

    /// There are notifications to be sent.
    pub(crate) fn tell_of_post(&self) {
        self.inner.post.notify_one();
    }

    /// Waits until there may be notifications to be sent.
    pub(crate) async fn pushed(&self) {
        self.inner.post.notified().await;
    }

    /// Gives what the world posts to `receiver` instead of a socket.
    pub fn set_receiver(&self, receiver: Arc<dyn Receiver>) {
        *self.inner.receiver.lock().unwrap_or_else(PoisonError::into_inner) = Some(receiver);
    }

    pub(crate) fn receiver(&self) -> Option<Arc<dyn Receiver>> {
        self.inner.receiver.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets the seed of faults that act by chance.
    pub fn set_seed(&self, seed: u64) {
        self.state().seed = seed;
    }

    /// Names the other origin (`http://127.0.0.1:1234`) of servers that keep calendars on another host.
    pub fn set_partition(&self, origin: &str) {
        self.state().partition = Some(origin.trim_end_matches('/').to_owned());
    }

    /// Adds an account (or replaces the one of that name, with its calendars).
    pub fn add_account(&self, spec: AccountSpec) -> Account {
        let user = spec.user.clone();
        self.state().accounts.insert(user.clone(), AccountState::new(spec));
        Account { world: self.clone(), user }
    }

    pub fn account(&self, user: &str) -> Option<Account> {
        self.state()
            .accounts
            .contains_key(user)
            .then(|| Account { world: self.clone(), user: user.to_owned() })
    }

    pub fn accounts(&self) -> Vec<Account> {
        let users: Vec<_> = self.state().accounts.keys().cloned().collect();
        users.into_iter().map(|user| Account { world: self.clone(), user }).collect()
    }

    /// Removes an account with all it has; tells whether it was there.
    pub fn remove_account(&self, user: &str) -> bool {
        self.state().accounts.remove(user).is_some()
    }

    /// Plants a fault; faults act in the order they were planted.
    pub fn fault(&self, fault: Fault) {
        self.state().faults.push(Planted::new(fault));
    }

    pub fn clear_faults(&self) {
        self.state().faults.clear();
    }

    pub fn faults(&self) -> Vec<Fault> {
        self.state().faults.iter().map(|planted| planted.fault.clone()).collect()
    }

    /// Every request so far, oldest first.
    pub fn log(&self) -> Vec<Entry> {
        self.state().log.clone()
    }

    /// The request that was answered last.
    pub fn last_request(&self) -> Option<Entry> {
        self.state().log.last().cloned()
    }

    pub fn clear_log(&self) {
        self.state().log.clear();
    }

    /// Counts logged requests that satisfy a condition.
    pub fn count(&self, condition: impl Fn(&Entry) -> bool) -> usize {
        self.state().log.iter().filter(|entry| condition(entry)).count()
    }

    /// Mails that auto-scheduling servers would have sent.
    pub fn outbox(&self) -> Vec<Mail> {
        self.state().outbox.clone()
    }
}
