//! The shared truth and its handles: what a test or the control API does "as the person in the vendor's own program".

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    fault::{Fault, Planted},
    log::{Entry, Mail},
    profile::{Profile, Scheme},
    state::{AccountState, CalendarState, State, home_segment},
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

/// A person's login at a simulated CalDAV server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountSpec {
    pub user: String,
    pub password: String,
    #[serde(default)]
    pub bearer: Option<String>,
    /// Addresses told in `calendar-user-address-set`.
    #[serde(default)]
    pub addresses: Vec<String>,
    #[serde(default = "Profile::generic")]
    pub profile: Profile,
}

impl AccountSpec {
    /// An account of the generic profile with the address `{user}@example.org`.
    pub fn new(user: &str, password: &str) -> Self {
        Self {
            user: user.into(),
            password: password.into(),
            bearer: None,
            addresses: vec![format!("mailto:{user}@example.org")],
            profile: Profile::generic(),
        }
    }

    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    #[must_use]
    pub fn bearer(mut self, token: &str) -> Self {
        self.bearer = Some(token.into());
        self.profile.auth.schemes.push(Scheme::Bearer);
        self
    }
}

/// What a collection is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    #[default]
    Calendar,
    Inbox,
    Outbox,
    Subscribed,
    Notifications,
    /// A collection without a calendar in its type.
    Folder,
}

/// What the account may do in a collection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    #[default]
    Owner,
    ReadOnly,
    /// Only `free-busy-query` is answered.
    FreeBusyOnly,
}

/// A collection and its properties.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CalendarSpec {
    /// The last path segment.
    pub name: String,
    pub display_name: Option<String>,
    pub kind: Kind,
    pub access: Access,
    /// `None`: every component is allowed and the property is absent.
    pub components: Option<Vec<String>>,
    /// The whole calendar does not count as busy.
    pub transparent: bool,
    /// A VCALENDAR with one VTIMEZONE.
    pub timezone: Option<String>,
    pub timezone_id: Option<String>,
    pub color: Option<String>,
    /// 0 or 1: which home set lists it.
    pub home: u8,
}

impl CalendarSpec {
    /// A calendar of VEVENTs.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            display_name: Some(name.into()),
            components: Some(vec!["VEVENT".into()]),
            ..Self::default()
        }
    }
}

/// A stored calendar object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    pub name: String,
    pub body: Bytes,
    pub etag: String,
    pub uid: Option<String>,
    pub at: Timestamp,
    pub(crate) change: u64,
    pub(crate) created: u64,
    pub(crate) schedule_tag: u64,
    pub(crate) schedule_mark: String,
}

impl Resource {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// An account of a world.
#[derive(Clone, Debug)]
pub struct Account {
    world: World,
    user: String,
}

impl Account {
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Adds a collection (or replaces the one of that name, with its events).
    pub fn add_calendar(&self, spec: CalendarSpec) -> Calendar {
        let name = spec.name.clone();
        self.edit(|account| {
            account.calendars.insert(name.clone(), CalendarState::new(spec));
        });
        Calendar { account: self.clone(), name }
    }

    pub fn calendar(&self, name: &str) -> Option<Calendar> {
        self.edit(|account| account.calendars.contains_key(name))
            .filter(|there| *there)
            .map(|_| Calendar { account: self.clone(), name: name.to_owned() })
    }

    pub fn calendars(&self) -> Vec<Calendar> {
        let names = self
            .edit(|account| account.calendars.keys().cloned().collect::<Vec<_>>())
            .unwrap_or_default();
        names.into_iter().map(|name| Calendar { account: self.clone(), name }).collect()
    }

    /// The path of the account; a client may start its discovery here.
    pub fn path(&self) -> String {
        self.edit(|account| account.root()).unwrap_or_default()
    }

    /// The path of the first home set.
    pub fn home(&self) -> String {
        format!("{}{}/", self.path(), home_segment(0))
    }

    pub fn revoke_password(&self) {
        self.edit(|account| account.revoked = true);
    }

    /// Sets a new password, which also ends a revocation and a brute-force block.
    pub fn set_password(&self, password: &str) {
        self.edit(|account| {
            account.revoked = false;
            account.wrong_passwords = 0;
            account.spec.password = password.to_owned();
        });
    }

    /// Turns knobs of this account's server.
    pub fn tune(&self, change: impl FnOnce(&mut Profile)) {
        self.edit(|account| change(&mut account.spec.profile));
    }

    fn edit<R>(&self, change: impl FnOnce(&mut AccountState) -> R) -> Option<R> {
        self.world.state().accounts.get_mut(&self.user).map(change)
    }
}

/// A collection of an account, as its owner sees it.
#[derive(Clone, Debug)]
pub struct Calendar {
    account: Account,
    name: String,
}

impl Calendar {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The path of the collection.
    pub fn path(&self) -> String {
        let home = self.edit(|calendar| calendar.spec.home).unwrap_or(0);
        format!("{}{}/{}/", self.account.path(), home_segment(home), self.name)
    }

    /// The path of a resource.
    pub fn href(&self, name: &str) -> String {
        format!("{}{name}", self.path())
    }

    /// Writes a resource as the person would, with no preconditions, and returns its etag.
    pub fn put(&self, name: &str, body: impl AsRef<[u8]>) -> String {
        let (now, form) = (self.account.world.now(), self.account.edit(|a| a.profile().write.etag));
        let body = Bytes::copy_from_slice(body.as_ref());
        self.edit(|calendar| calendar.store(name, body, form.unwrap_or_default(), now))
            .unwrap_or_default()
    }

    /// Rewrites a resource; `None` when it is not there.
    pub fn edit_event(&self, name: &str, change: impl FnOnce(&str) -> String) -> Option<String> {
        let before = self.get(name)?;
        Some(self.put(name, change(&before.text())))
    }

    /// Deletes a resource; tells whether it was there.
    pub fn delete(&self, name: &str) -> bool {
        let now = self.account.world.now();
        self.edit(|calendar| calendar.remove(name, now).is_some()).unwrap_or(false)
    }

    pub fn get(&self, name: &str) -> Option<Resource> {
        self.edit(|calendar| calendar.resources.get(name).cloned()).flatten()
    }

    /// The truth: every resource, by name.
    pub fn resources(&self) -> BTreeMap<String, Resource> {
        self.edit(|calendar| calendar.resources.clone()).unwrap_or_default()
    }

    pub fn spec(&self) -> Option<CalendarSpec> {
        self.edit(|calendar| calendar.spec.clone())
    }

    /// Edits properties of the collection.
    pub fn set(&self, change: impl FnOnce(&mut CalendarSpec)) {
        let name = self.name.clone();
        self.edit(|calendar| {
            change(&mut calendar.spec);
            calendar.spec.name = name;
            calendar.property_edits += 1;
        });
    }

    /// Every sync token handed out so far becomes unknown.
    pub fn expire_cursors(&self) {
        self.edit(CalendarState::expire_cursors);
    }

    /// The collection answers 403, 404 or 410 from now on.
    pub fn unshare(&self, status: u16) {
        self.edit(|calendar| calendar.gone = Some(status));
    }

    pub fn share_again(&self) {
        self.edit(|calendar| calendar.gone = None);
    }

    /// Moves the collection to another path; the old one answers 404.
    pub fn rename(&self, name: &str) -> Self {
        self.account.edit(|account| {
            if let Some(mut calendar) = account.calendars.remove(&self.name) {
                name.clone_into(&mut calendar.spec.name);
                account.calendars.insert(name.to_owned(), calendar);
            }
        });
        Self { account: self.account.clone(), name: name.to_owned() }
    }

    /// Deletes the collection.
    pub fn remove(&self) {
        self.account.edit(|account| account.calendars.remove(&self.name));
    }

    fn edit<R>(&self, change: impl FnOnce(&mut CalendarState) -> R) -> Option<R> {
        self.account.edit(|account| account.calendars.get_mut(&self.name).map(change)).flatten()
    }
}
