//! Where the clients run: hubs on one database, and the resources that all of them want.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use calhub::{
    clock::{Clock, ManualClock, SeededEntropy, SystemClock},
    hub::Hub,
    model::{
        ids::{CalendarId, ResourceId, TenantId},
        interval::Span,
        states::Provider,
    },
    store::{Engine, LinkRow, ResourceRow},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use simulators::World;

use crate::{
    api::world::{NOW, TestHub, at},
    support::{engines::Bed, simulated::transport},
};

/// A quarter of an hour: the grid on which time is asked for.
pub const CELL: i64 = 15 * 60 * 1_000_000;

/// What is fought over.
#[derive(Clone, Copy, Debug)]
pub struct Mix {
    pub name: &'static str,
    /// How many resources take one at a time, and how many have three seats.
    pub single: usize,
    pub triple: usize,
    /// And how many have calendars that are read all the time.
    pub watched: usize,
    pub days: i64,
}

pub const HOT: Mix = Mix { name: "hot", single: 5, triple: 1, watched: 0, days: 30 };
pub const WIDE: Mix = Mix { name: "wide", single: 1000, triple: 100, watched: 0, days: 1 };
pub const FLASH: Mix = Mix { name: "flash sale", single: 1, triple: 0, watched: 0, days: 1 };

pub const MIXED: Mix = Mix { name: "mixed", single: 0, triple: 0, watched: 5, days: 3 };

/// As hot and mixed, in so little time that a fault shows soon.
pub const DENSE: Mix = Mix { name: "dense", single: 5, triple: 1, watched: 0, days: 3 };
pub const DENSE_MIXED: Mix = Mix { name: "dense mixed", single: 0, triple: 0, watched: 5, days: 1 };

/// Several hubs on one PostgreSQL, one on SQLite.
pub struct Field {
    pub mix: Mix,
    pub hubs: Vec<TestHub>,
    pub tenant: TenantId,
    pub resources: Vec<ResourceId>,
    pub calendars: Vec<CalendarId>,
    /// The resources that a calendar stands in the way of.
    pub blocked: BTreeMap<CalendarId, Vec<ResourceId>>,
    /// The clock by which holds expire, where that is ours.
    ticks: Option<ManualClock>,
}

impl Field {
    pub async fn new(bed: &Bed, mix: Mix) -> Self {
        let wire = || transport(&World::new(NOW.parse().unwrap()));
        let mut hubs = vec![TestHub::over(bed.store.clone(), wire(), &[]).await];
        if bed.engine == Engine::Postgres {
            hubs.push(TestHub::beside(1, bed.open_again().await, wire(), &[]).await);
        }
        let tenant = hubs[0].tenant.clone();
        let ticks = (bed.engine == Engine::Sqlite).then(|| hubs[0].clock.clone());
        let mut field = Self {
            mix,
            hubs,
            tenant,
            resources: Vec::new(),
            calendars: Vec::new(),
            blocked: BTreeMap::new(),
            ticks,
        };
        for nth in 0..mix.watched {
            let calendar = field.hubs[0].calendar(Provider::Caldav).await.1;
            field.calendars.push(calendar);
            // Each calendar but the first stands in the way of two.
            let blocking = field.calendars[nth.saturating_sub(1)..].to_vec();
            let write_to = blocking.first().cloned();
            field.add(1, &blocking, write_to.as_ref()).await;
        }
        for nth in 0..mix.single + mix.triple {
            field.add(if nth < mix.single { 1 } else { 3 }, &[], None).await;
        }
        field
    }

    /// Adds a resource that these calendars block.
    pub async fn add(
        &mut self,
        capacity: i64,
        calendars: &[CalendarId],
        write_to: Option<&CalendarId>,
    ) {
        let hub = &self.hubs[0];
        let minted = SeededEntropy::new(1000 + self.resources.len() as u64);
        let resource_id = ResourceId::mint(&hub.clock, &minted);
        let row = ResourceRow {
            tenant_id: self.tenant.clone(),
            resource_id: resource_id.clone(),
            external_id: None,
            name: "wanted".to_owned(),
            time_zone: "UTC".to_owned(),
            capacity,
            write_to: write_to.cloned(),
            policy: json!({}),
            event_template: json!({}),
            on_provider_move: "flag".to_owned(),
            on_provider_delete: "flag".to_owned(),
            metadata: json!({}),
            revision: 1,
            created_at: hub.clock.now(),
            touched_at: hub.clock.now(),
        };
        let links: Vec<_> = calendars
            .iter()
            .map(|calendar_id| LinkRow {
                resource_id: resource_id.clone(),
                calendar_id: calendar_id.clone(),
                blocks: true,
                policy: json!({}),
            })
            .collect();
        let mut tx = hub.hub.store.begin().await.unwrap();
        tx.resources().insert(&row).await.unwrap();
        tx.resources().set_links(&self.tenant, &resource_id, &links).await.unwrap();
        tx.commit().await.unwrap();
        for calendar in calendars {
            self.blocked.entry(calendar.clone()).or_default().push(resource_id.clone());
        }
        self.resources.push(resource_id);
    }

    /// The hub that a client talks to.
    pub fn hub(&self, client: u64) -> Arc<Hub> {
        Arc::clone(&self.hubs[client as usize % self.hubs.len()].hub)
    }

    /// The time by which holds expire, in microseconds. Our own clock moves on a little at each look.
    pub fn now(&self) -> i64 {
        let now = match &self.ticks {
            Some(clock) => {
                clock.advance(Duration::from_micros(10));
                clock.now()
            }
            None => SystemClock.now(),
        };
        now.as_microsecond()
    }

    /// How long a hold lasts that is to expire during the run.
    pub fn short(&self) -> SignedDuration {
        SignedDuration::from_millis(if self.ticks.is_some() { 20 } else { 1000 })
    }

    /// Closes the hubs that are not the bed's.
    pub async fn close(self) {
        for hub in &self.hubs[1..] {
            hub.hub.store.close().await;
        }
    }
}

/// The span of some cells, counted from the third of March.
pub fn cells(first: i64, count: i64) -> Span {
    let start = at("2026-03-03T00:00:00Z").as_microsecond() + first * CELL;
    let time = |us| Timestamp::from_microsecond(us).unwrap();
    Span::new(time(start), time(start + count * CELL)).unwrap()
}
