//! What the index holds: one immutable snapshot a calendar and a resource, replaced as a whole.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::{
    busy::Busy,
    facts::{CalendarFacts, Login},
    packed::Packed,
};
use crate::model::{
    busy::{BusyClass, Kind},
    ids::{CalendarId, ConnectionId, ResourceId, TenantId},
    policy::{DEFAULT_RULES, Policy, Rules},
};

/// One calendar at one moment.
#[derive(Clone, Debug)]
pub struct CalendarSnapshot {
    pub calendar: CalendarId,
    pub connection: ConnectionId,
    pub facts: CalendarFacts,
    pub busy: Arc<Busy>,
}

/// One calendar of a resource that blocks it, with what its policies come to.
#[derive(Clone, Debug)]
pub struct Link {
    pub calendar: CalendarId,
    pub kinds: Kinds,
}

/// What each class counts as under some rules, by its number.
#[derive(Clone, Copy, Debug)]
pub struct Kinds([Option<Kind>; 16]);

impl Kinds {
    /// Of what is packed as plain busy time.
    pub(super) const TAKEN: Self = {
        let mut kinds = [None; 16];
        kinds[0] = Some(Kind::Busy);
        Self(kinds)
    };

    #[inline]
    pub fn of(&self, code: u8) -> Option<Kind> {
        self.0.get(usize::from(code)).copied().flatten()
    }
}

impl From<Rules> for Kinds {
    fn from(rules: Rules) -> Self {
        let codes = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
        Self(codes.map(|code| rules.kind(BusyClass::from_code(code))))
    }
}

/// One resource: the calendars its answer rests on, and what is taken of it.
#[derive(Clone, Debug)]
pub struct ResourceSnapshot {
    pub resource: ResourceId,
    pub external_id: Option<String>,
    pub links: Vec<Link>,
    /// What its own holds and bookings have taken, if anything.
    pub claims: Option<Arc<Packed>>,
    /// Whether some of its seats are taken: what its own bookings want its calendars to hold is then no sign that it is
    /// busy, and is told from the rest by the tables.
    pub is_shared: bool,
}

/// One tenant's part of the index.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Defaults under the tenant's own policy.
    pub rules: Rules,
    /// How each connection's login stands, and whether its provider is the source itself.
    connections: HashMap<ConnectionId, (Login, bool)>,
    calendars: HashMap<CalendarId, Arc<CalendarSnapshot>>,
    resources: HashMap<ResourceId, Arc<ResourceSnapshot>>,
    by_external_id: HashMap<String, Arc<ResourceSnapshot>>,
}

impl Default for Tenant {
    fn default() -> Self {
        Self {
            rules: DEFAULT_RULES,
            connections: HashMap::new(),
            calendars: HashMap::new(),
            resources: HashMap::new(),
            by_external_id: HashMap::new(),
        }
    }
}

impl Tenant {
    pub fn calendar(&self, id: &CalendarId) -> Option<Arc<CalendarSnapshot>> {
        self.calendars.get(id).map(Arc::clone)
    }

    pub fn resource(&self, id: &ResourceId) -> Option<Arc<ResourceSnapshot>> {
        self.resources.get(id).map(Arc::clone)
    }

    pub fn resource_by_external_id(&self, external_id: &str) -> Option<Arc<ResourceSnapshot>> {
        self.by_external_id.get(external_id).map(Arc::clone)
    }

    pub fn calendars(&self) -> impl Iterator<Item = &Arc<CalendarSnapshot>> {
        self.calendars.values()
    }

    /// The resources whose answers rest on a calendar.
    pub fn resources_of(&self, calendar: &CalendarId) -> Vec<ResourceId> {
        let fed = self
            .resources
            .values()
            .filter(|resource| resource.links.iter().any(|link| link.calendar == *calendar));
        fed.map(|resource| resource.resource.clone()).collect()
    }

    /// The calendars held of a connection.
    pub fn calendars_of(&self, connection: &ConnectionId) -> Vec<CalendarId> {
        let of_it = self.calendars.values().filter(|calendar| calendar.connection == *connection);
        of_it.map(|calendar| calendar.calendar.clone()).collect()
    }

    /// Notes how a login stands; its calendars take it over when they are set again.
    pub fn set_connection(&mut self, connection: &ConnectionId, login: Login, is_live: bool) {
        self.connections.insert(connection.clone(), (login, is_live));
    }

    pub fn remove_connection(&mut self, connection: &ConnectionId) {
        self.connections.remove(connection);
    }

    /// Holds a calendar, with its connection's login; of a connection nobody knows it is broken.
    pub fn set_calendar(&mut self, mut snapshot: CalendarSnapshot) {
        let (login, is_live) =
            self.connections.get(&snapshot.connection).copied().unwrap_or((Login::Broken, false));
        snapshot.facts.login = login;
        snapshot.facts.source_is_live = is_live;
        self.calendars.insert(snapshot.calendar.clone(), Arc::new(snapshot));
    }

    /// Keeps the same busy time in another form, unless other busy time has come meanwhile.
    fn reform(&mut self, id: &CalendarId, from: &Arc<Busy>, to: Busy) {
        if let Some(held) = self.calendars.get_mut(id)
            && Arc::ptr_eq(&held.busy, from)
        {
            let busy = Arc::new(to);
            *held = Arc::new(CalendarSnapshot { busy, ..CalendarSnapshot::clone(held) });
        }
    }

    pub fn remove_calendar(&mut self, id: &CalendarId) {
        self.calendars.remove(id);
    }

    pub fn set_resource(&mut self, snapshot: ResourceSnapshot) {
        self.remove_resource(&snapshot.resource.clone());
        let snapshot = Arc::new(snapshot);
        if let Some(external_id) = &snapshot.external_id {
            self.by_external_id.insert(external_id.clone(), Arc::clone(&snapshot));
        }
        self.resources.insert(snapshot.resource.clone(), snapshot);
    }

    pub fn remove_resource(&mut self, id: &ResourceId) {
        if let Some(external_id) =
            self.resources.remove(id).and_then(|gone| gone.external_id.clone())
        {
            self.by_external_id.remove(&external_id);
        }
    }

    /// Sets the tenant's own policy; the caller sets the resources again, whose rules rest on it.
    pub fn set_policy(&mut self, policy: &Policy) {
        self.rules = DEFAULT_RULES.under(policy);
    }
}

type Part = Arc<RwLock<Tenant>>;

/// The busy index of one hub process. Reads hold a lock only to copy a few `Arc`s.
#[derive(Debug)]
pub struct Index {
    tenants: RwLock<HashMap<TenantId, Part>>,
    progress: RwLock<Progress>,
    moved: watch::Sender<u64>,
}

/// How far the index has followed the store.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// The change log cursor everything up to which is in the index.
    pub cursor: String,
    /// When the store was last asked and everything it told was in. `None` before the first load.
    pub current_at: Option<Timestamp>,
}

/// How many calendars are laid to rest before others are let in: about half a millisecond's worth.
const AT_ONCE: usize = 128;
/// Further behind than this, the index does not vouch for anything.
const MAX_LAG: SignedDuration = SignedDuration::from_secs(3);

impl Default for Index {
    fn default() -> Self {
        Self {
            tenants: RwLock::default(),
            progress: RwLock::default(),
            moved: watch::Sender::new(0),
        }
    }
}

impl Index {
    /// Reads one tenant's part. The closure must not block: it runs under the lock.
    pub fn read<T>(&self, tenant: &TenantId, look: impl FnOnce(&Tenant) -> T) -> Option<T> {
        let part = self.part(tenant)?;
        let part = part.read().unwrap_or_else(PoisonError::into_inner);
        Some(look(&part))
    }

    fn part(&self, tenant: &TenantId) -> Option<Part> {
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        tenants.get(tenant).map(Arc::clone)
    }

    /// Changes one tenant's part, which is made when it is not there.
    pub fn change<T>(&self, tenant: &TenantId, with: impl FnOnce(&mut Tenant) -> T) -> T {
        let part = Arc::clone(
            self.tenants
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(tenant.clone())
                .or_default(),
        );
        let mut part = part.write().unwrap_or_else(PoisonError::into_inner);
        with(&mut part)
    }

    /// Keeps at hand what somebody asked for that was at rest.
    pub fn bring(&self, tenant: &TenantId, asked: Vec<(Arc<CalendarSnapshot>, Arc<Packed>)>) {
        let Some(part) = self.part(tenant).filter(|_| !asked.is_empty()) else { return };
        let mut part = part.write().unwrap_or_else(PoisonError::into_inner);
        for (snapshot, packed) in asked {
            part.reform(&snapshot.calendar, &snapshot.busy, Busy::at_hand(packed));
        }
    }

    /// Lays to rest what nobody asked for since this was last called. Takes some time; others are let in between.
    pub(super) async fn rest(&self) {
        for part in self.parts() {
            let held: Vec<Arc<CalendarSnapshot>> = {
                let part = part.read().unwrap_or_else(PoisonError::into_inner);
                part.calendars().filter(|one| one.busy.is_at_hand()).map(Arc::clone).collect()
            };
            for some in held.chunks(AT_ONCE) {
                for snapshot in some {
                    if let Some(rest) = snapshot.busy.unasked() {
                        let mut part = part.write().unwrap_or_else(PoisonError::into_inner);
                        part.reform(&snapshot.calendar, &snapshot.busy, rest);
                    }
                }
                tokio::task::yield_now().await;
            }
        }
    }

    /// Forgets everything, before it is loaded again.
    pub(super) fn clear(&self) {
        self.tenants.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Drops a tenant that is gone.
    pub fn remove(&self, tenant: &TenantId) {
        self.tenants.write().unwrap_or_else(PoisonError::into_inner).remove(tenant);
    }

    pub fn progress(&self) -> Progress {
        self.progress.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes that everything up to `cursor` is in, as of `at`, and wakes who waits for news.
    pub fn advance(&self, cursor: String, at: Timestamp) {
        *self.progress.write().unwrap_or_else(PoisonError::into_inner) =
            Progress { cursor, current_at: Some(at) };
        self.moved.send_modify(|times| *times = times.wrapping_add(1));
    }

    /// Rings at every advance.
    pub fn news(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }

    /// How far the index is behind the store at most; `None` before it is loaded.
    pub fn lag(&self, now: Timestamp) -> Option<SignedDuration> {
        let current_at = self.progress.read().unwrap_or_else(PoisonError::into_inner).current_at;
        current_at.map(|at| now.duration_since(at).max(SignedDuration::ZERO))
    }

    /// Whether answers may vouch for anything.
    pub fn is_current(&self, now: Timestamp) -> bool {
        self.lag(now).is_some_and(|lag| lag <= MAX_LAG)
    }

    /// Shows every calendar, a tenant at a time. The closure must not block: it runs under the lock.
    pub fn each_calendar(&self, mut look: impl FnMut(&CalendarSnapshot)) {
        for part in self.parts() {
            let part = part.read().unwrap_or_else(PoisonError::into_inner);
            part.calendars().for_each(|calendar| look(calendar));
        }
    }

    fn parts(&self) -> Vec<Part> {
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        tenants.values().map(Arc::clone).collect()
    }

    /// How many calendars and intervals are held, for metrics.
    pub fn size(&self) -> (usize, usize) {
        self.parts().iter().fold((0, 0), |(calendars, intervals), part| {
            let part = part.read().unwrap_or_else(PoisonError::into_inner);
            let held: usize = part.calendars().map(|calendar| calendar.busy.len()).sum();
            (calendars + part.calendars.len(), intervals + held)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::{ManualClock, SeededEntropy},
        index::{facts::tests::facts, query::Basis},
    };

    fn calendar(id: &CalendarId, connection: &ConnectionId, busy: Busy) -> CalendarSnapshot {
        let (calendar, connection) = (id.clone(), connection.clone());
        CalendarSnapshot { calendar, connection, facts: facts(), busy: Arc::new(busy) }
    }

    fn busy(minutes: i64) -> Packed {
        Packed::new(0, [(0, minutes * 60_000_000, BusyClass::Busy)])
    }

    #[tokio::test]
    async fn what_is_asked_for_is_brought_and_rests_again_and_never_hides_what_came_since() {
        let (clock, entropy) = (ManualClock::at(Timestamp::UNIX_EPOCH), SeededEntropy::new(1));
        let tenant = TenantId::mint(&clock, &entropy);
        let connection = ConnectionId::mint(&clock, &entropy);
        let id = CalendarId::mint(&clock, &entropy);
        let index = Index::default();
        let held = || index.read(&tenant, |part| part.calendar(&id)).flatten().unwrap();
        let set = |minutes| {
            let snapshot = calendar(&id, &connection, Busy::at_rest(&busy(minutes)));
            index.change(&tenant, |part| part.set_calendar(snapshot));
        };
        let ask = || {
            let link = Link { calendar: id.clone(), kinds: DEFAULT_RULES.into() };
            index.read(&tenant, |part| Basis::of(part, &[link])).unwrap()
        };
        set(30);
        let first = ask();
        index.bring(&tenant, first.brought().collect());
        assert!(held().busy.is_at_hand());
        assert_eq!(ask().brought().count(), 0);
        index.rest().await;
        assert!(held().busy.is_at_hand(), "somebody asked since the last look");
        index.rest().await;
        assert!(!held().busy.is_at_hand());
        // A late answer brings what it read; meanwhile the calendar has changed.
        let late = ask();
        set(45);
        index.bring(&tenant, late.brought().collect());
        let now: Vec<_> = held().busy.asked().touching(0, 86_400).collect();
        assert_eq!(now, [(0, 45 * 60, 0)]);
    }
}
