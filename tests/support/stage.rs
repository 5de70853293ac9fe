//! An engine and a linker over a test's own database and a simulated world, moved by hand.

use std::{sync::Arc, time::Duration};

use calhub::{
    clock::{Clock, ManualClock, SeededEntropy},
    link::{LinkRequest, Linked, Linker},
    model::{
        ids::{CalendarId, ConnectionId, TenantId},
        states::{Access, ConnectionState},
    },
    secrets::{Kek, Vault},
    store::{CalendarFilter, CalendarRow, ChangeFilter, ChangeRow, Store, TenantRow},
    sync::{Engine, Login, Parts},
};
use jiff::Timestamp;
use simulators::{Account, AccountSpec, Calendar, CalendarSpec, World};

use super::simulated::{ORIGIN, transport};

/// When every stage begins: a Monday.
pub const NOW: &str = "2027-03-01T08:00:00Z";

pub struct Stage {
    pub store: Store,
    pub world: World,
    pub clock: ManualClock,
    pub engine: Arc<Engine>,
    pub linker: Linker,
    pub tenant: TenantId,
}

impl Stage {
    /// A stage with one tenant and an empty world.
    pub async fn new(store: &Store) -> Self {
        let now: Timestamp = NOW.parse().unwrap();
        let clock = ManualClock::at(now);
        let entropy = Arc::new(SeededEntropy::new(7));
        let world = World::new(now);
        let tenant: TenantId = "ten_stage".parse().unwrap();
        let mut tx = store.begin().await.unwrap();
        let row = TenantRow {
            tenant_id: tenant.clone(),
            name: "stage".to_owned(),
            policy: serde_json::json!({}),
            allow_net: None,
            created_at: now,
        };
        tx.tenants().create(&row).await.unwrap();
        tx.commit().await.unwrap();
        let kek = Kek::generate(&*entropy);
        let shared = Arc::new(clock.clone());
        let vault = Vault::open(kek, store, shared.clone(), entropy.clone()).await.unwrap();
        let engine = Arc::new(Engine::new(Parts {
            store: store.clone(),
            vault: Arc::new(vault),
            clock: shared,
            entropy,
            connectors: Arc::new(transport(&world)),
        }));
        let linker = Linker::new(Arc::clone(&engine));
        Self { store: store.clone(), world, clock, engine, linker, tenant }
    }

    /// Adds the account of `anna` with a calendar `work`.
    pub fn anna(&self) -> (Account, Calendar) {
        let account = self.world.add_account(AccountSpec::new("anna", "right"));
        let calendar = account.add_calendar(CalendarSpec::new("work"));
        (account, calendar)
    }

    pub fn caldav(account: &Account, password: &str) -> LinkRequest {
        Self::caldav_at(ORIGIN, account, password)
    }

    /// As [`Stage::caldav`], at a host of the caller's choice: hosts are paced and closed one by one.
    pub fn caldav_at(origin: &str, account: &Account, password: &str) -> LinkRequest {
        let login = Login::Caldav {
            url: format!("{origin}{}", account.path()),
            username: account.user().to_owned(),
            password: password.to_owned().into(),
        };
        LinkRequest { login, access: Some(Access::Read), external_id: None, metadata: None }
    }

    pub fn feed_at(url: &str) -> LinkRequest {
        let login = Login::Ics { url: url.to_owned().into() };
        LinkRequest { login, access: Some(Access::Read), external_id: None, metadata: None }
    }

    pub async fn link(&self, account: &Account) -> ConnectionId {
        let asked = Self::caldav(account, "right");
        let Linked { connection_id, .. } = self.linker.link(&self.tenant, asked).await.unwrap();
        connection_id
    }

    /// Runs all that is due.
    pub async fn settle(&self) -> usize {
        self.engine.step().await.unwrap()
    }

    /// Lets time pass for hub and world alike.
    pub fn pass(&self, time: Duration) {
        self.clock.advance(time);
        self.world.advance(time);
    }

    /// Lets time pass, then runs all that is due.
    pub async fn pass_and_settle(&self, minutes: u64) -> usize {
        self.pass(Duration::from_secs(minutes * 60));
        self.settle().await
    }

    /// Nudges everything, then runs it.
    pub async fn sync(&self) {
        self.pass(Duration::from_secs(1));
        let all = calhub::sync::Selector::All;
        self.engine
            .request_sync(&calhub::audit::By::hub(), &self.tenant, &all, false)
            .await
            .unwrap();
        self.settle().await;
    }

    pub async fn calendars(&self) -> Vec<CalendarRow> {
        let filter = CalendarFilter { limit: 100, ..CalendarFilter::default() };
        let mut tx = self.store.read().await.unwrap();
        tx.calendars().list(&self.tenant, &filter).await.unwrap()
    }

    pub async fn calendar(&self, name: &str) -> CalendarRow {
        self.calendars().await.into_iter().find(|row| row.name == name).unwrap()
    }

    pub async fn state(&self, connection: &ConnectionId) -> ConnectionState {
        let mut tx = self.store.read().await.unwrap();
        tx.connections().get(&self.tenant, connection).await.unwrap().unwrap().state
    }

    /// The stored busy intervals of a calendar, sorted, as `start/end`.
    pub async fn busy(&self, calendar: &CalendarId) -> Vec<String> {
        let mut tx = self.store.read().await.unwrap();
        let rows = tx.events().busy_of_calendar(&self.tenant, calendar).await.unwrap();
        let mut spans: Vec<_> = rows.iter().map(|row| row.span).collect();
        spans.sort_unstable();
        spans.iter().map(|span| format!("{}/{}", span.start(), span.end())).collect()
    }

    /// The change log from its beginning. Without the bound of other readers, which on PostgreSQL waits
    /// for every transaction of the server: those of other tests too.
    pub async fn changes(&self) -> Vec<ChangeRow> {
        let mut tx = self.store.read().await.unwrap();
        let start = format!("e{}.0.0", self.store.epoch().as_str()).parse().unwrap();
        let filter = ChangeFilter { tenant: None, kinds: Vec::new(), limit: 10_000 };
        tx.changes().read_ahead(&start, &filter).await.unwrap().0
    }

    pub async fn kinds(&self) -> Vec<String> {
        self.changes().await.into_iter().map(|row| row.change.kind).collect()
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// A calendar object with one event.
pub fn event(uid: &str, lines: &str) -> String {
    let lines = lines.trim().replace('\n', "\r\n");
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//stage//EN\r\nBEGIN:VEVENT\r\nUID:{uid}\r\n\
         DTSTAMP:20270101T000000Z\r\n{lines}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

/// An hour on a day of March 2027, from `hour` UTC.
pub fn hour_event(uid: &str, day: u8, hour: u8) -> String {
    let end = hour + 1;
    event(
        uid,
        &format!("DTSTART:202703{day:02}T{hour:02}0000Z\nDTEND:202703{day:02}T{end:02}0000Z"),
    )
}

/// The interval of [`hour_event`].
pub fn hour(day: u8, hour: u8) -> String {
    let end = hour + 1;
    format!("2027-03-{day:02}T{hour:02}:00:00Z/2027-03-{day:02}T{end:02}:00:00Z")
}
