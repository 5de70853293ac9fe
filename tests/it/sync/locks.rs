//! Transactions lock rows in one order (`src/store/locks.rs`). Whoever waits for a lock holds none that comes later:
//! each act of the engine meets a transaction that has locked something and then goes down the whole order. If the act
//! had locked something of that already, PostgreSQL would have to end one of the two.

mod booking;

use std::{pin::Pin, sync::Arc, time::Duration};

use calhub::{
    audit::By,
    clock::SystemEntropy,
    drill::{Bug, Drill},
    model::ids::{CalendarId, ConnectionId},
    store::{Claimed, Claiming, LinkRow, Share},
    sync::{Lane, Removal, Selector, mint_name},
};
use jiff::Timestamp;
use serde_json::json;
use simulators::{Account, Act, CalendarSpec, Fault};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, Row as _};

use crate::{
    store::{resource_id, resource_row},
    support::{
        engines::{Bed, on_postgres},
        hub::until,
        stage::{Stage, hour_event},
    },
};

type Ended = Result<(), String>;

/// An act that was prepared; it ends with a word when it fails.
struct Doing(Pin<Box<dyn Future<Output = Ended> + Send>>);

impl Doing {
    fn of(act: impl Future<Output = Ended> + Send + 'static) -> Self {
        Self(Box::pin(act))
    }
}

const WAITING: &str = "SELECT COUNT(*) FROM pg_stat_activity \
    WHERE datname = current_database() AND wait_event_type = 'Lock'";

/// The resource that knows both calendars.
const RESOURCE: &str = "room";

/// A connection with two calendars.
struct Scene {
    stage: Stage,
    account: Account,
    url: String,
}

impl Scene {
    async fn new(bed: &Bed) -> Self {
        let stage = Stage::new(&bed.store).await;
        let (account, work) = stage.anna();
        work.put("a.ics", hour_event("a", 2, 9));
        let mut conn = PgConnection::connect(&bed.url).await.unwrap();
        let name: String = conn.fetch_one("SELECT current_database()::text").await.unwrap().get(0);
        let soon = format!("ALTER DATABASE {name} SET deadlock_timeout = '50ms'");
        conn.execute(AssertSqlSafe(soon)).await.unwrap();
        conn.close().await.unwrap();
        let scene = Self { stage, account, url: bed.url.clone() };
        scene.link().await;
        let resource = resource_row(&scene.stage.tenant, RESOURCE);
        let mut tx = scene.stage.store.begin().await.unwrap();
        tx.resources().insert(&resource).await.unwrap();
        tx.commit().await.unwrap();
        scene
    }

    /// All is well: the account is linked and read.
    async fn link(&self) {
        self.stage.world.clear_faults();
        // What the last act left undone, because the other transaction had its row of work.
        self.stage.settle().await;
        if self.account.calendar("home").is_none() {
            let home = self.account.add_calendar(CalendarSpec::new("home"));
            home.put("b.ics", hour_event("b", 3, 9));
        }
        self.stage.link(&self.account).await;
        self.stage.pass_and_settle(30).await;
        assert_eq!(self.calendars().await.len(), 2);
    }

    /// Has the resource know both calendars.
    async fn feed(&self) {
        let known = resource_id(RESOURCE);
        let links: Vec<LinkRow> = self
            .calendars()
            .await
            .into_iter()
            .map(|calendar_id| LinkRow {
                resource_id: known.clone(),
                calendar_id,
                blocks: true,
                policy: json!({}),
            })
            .collect();
        let mut tx = self.stage.store.begin().await.unwrap();
        tx.resources().set_links(&self.stage.tenant, &known, &links).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn calendars(&self) -> Vec<CalendarId> {
        self.stage.calendars().await.into_iter().map(|row| row.calendar_id).collect()
    }

    async fn connection(&self) -> ConnectionId {
        self.stage.calendars().await.remove(0).connection_id
    }

    /// The statements that lock everything there is, in the order.
    async fn order(&self) -> Vec<String> {
        let mut conn = PgConnection::connect(&self.url).await.unwrap();
        let rows = |text: String| format!("{text} FOR UPDATE");
        let room = resource_id(RESOURCE);
        let mut all = vec![format!("SELECT pg_advisory_xact_lock(hashtextextended('{room}', 1))")];
        for id in self.calendars().await {
            all.push(format!("SELECT pg_advisory_xact_lock(hashtextextended('{id}', 0))"));
        }
        all.push(rows("SELECT 1 FROM bookings ORDER BY booking_id".to_owned()));
        all.push(rows("SELECT 1 FROM resources".to_owned()));
        for id in self.calendars().await {
            all.push(rows(format!("SELECT 1 FROM calendars WHERE calendar_id = '{id}'")));
        }
        all.push(rows("SELECT 1 FROM connections".to_owned()));
        let work =
            "SELECT lane, subject FROM work ORDER BY lane IN ('advance', 'pull'), subject, lane";
        for row in conn.fetch_all(work).await.unwrap() {
            let (lane, subject): (String, String) = (row.get(0), row.get(1));
            let one = format!("SELECT 1 FROM work WHERE lane = '{lane}' AND subject = '{subject}'");
            all.push(rows(one));
        }
        all.push(rows("SELECT 1 FROM hosts".to_owned()));
        conn.close().await.unwrap();
        all
    }

    /// Runs an act while another transaction holds one lock and, when the act waits or has ended, takes all later
    /// ones. Answers who was refused, because the two waited for each other.
    async fn meets(&self, act: Doing, order: &[String]) -> Option<String> {
        let (first, later) = order.split_first().unwrap();
        let mut other = PgConnection::connect(&self.url).await.unwrap();
        other.execute("BEGIN").await.unwrap();
        other.execute(AssertSqlSafe(first.clone())).await.unwrap();
        let acting = tokio::spawn(act.0);
        let waiting = async || {
            let mut watch = PgConnection::connect(&self.url).await.unwrap();
            let count: i64 = watch.fetch_one(WAITING).await.unwrap().get(0);
            watch.close().await.unwrap();
            (count > 0 || acting.is_finished()).then_some(())
        };
        until("the act to wait or to end", waiting).await;
        let mut refused = None;
        for lock in later {
            if let Err(error) = other.execute(AssertSqlSafe(lock.clone())).await {
                refused = Some(format!("beside {first}: {lock}: {error}"));
                break;
            }
        }
        // The server frees the locks of a session that is only closed at some time of its own.
        other.execute("ROLLBACK").await.unwrap();
        other.close().await.unwrap();
        let ended = acting.await.unwrap();
        refused.or(ended.err().map(|error| format!("beside {first}: the act: {error}")))
    }

    /// Has an act meet every lock; `begin` prepares it.
    async fn meets_all(&self, begin: impl AsyncFn(&Self) -> Doing) -> Vec<String> {
        let mut found = Vec::new();
        for nth in 0.. {
            self.link().await;
            self.feed().await;
            let act = begin(self).await;
            let order = self.order().await;
            let Some(left) = order.get(nth..).filter(|left| !left.is_empty()) else {
                act.0.await.unwrap();
                break;
            };
            found.extend(self.meets(act, left).await);
        }
        found
    }

    /// The provider refuses the login.
    fn fail(&self) {
        let status = Act::Status { status: 401, retry_after_s: None, body: String::new() };
        self.stage.world.fault(Fault::new(status));
    }

    async fn run(&self, sql: &'static str) {
        let mut conn = PgConnection::connect(&self.url).await.unwrap();
        conn.execute(sql).await.unwrap();
        conn.close().await.unwrap();
    }

    /// The provider shows one calendar less; the listing that finds out has its pull woken.
    fn lose_one(&self) {
        self.account.calendar("home").unwrap().remove();
    }

    fn relinked(&self) -> Doing {
        let (linker, tenant) = (self.stage.linker.clone(), self.stage.tenant.clone());
        let asked = Stage::caldav(&self.account, "right");
        Doing::of(async move {
            linker.link(&tenant, asked).await.map(|_| ()).map_err(|error| format!("{error:?}"))
        })
    }

    fn drained(&self, lane: Lane) -> Doing {
        let engine = Arc::clone(&self.stage.engine);
        Doing::of(async move {
            engine.drain(lane, Share::All).await.map(|_| ()).map_err(|error| format!("{error:?}"))
        })
    }

    fn asked_for(&self, selector: Selector) -> Doing {
        let (engine, tenant) = (Arc::clone(&self.stage.engine), self.stage.tenant.clone());
        Doing::of(async move {
            let asked = engine.request_sync(&By::hub(), &tenant, &selector, false).await;
            asked.map(|_| ()).map_err(|error| format!("{error:?}"))
        })
    }

    /// A pull of the calendar that comes last; `is_fresh`: it is to end well.
    async fn pulled(&self, is_fresh: bool) -> Doing {
        let (engine, tenant) = (Arc::clone(&self.stage.engine), self.stage.tenant.clone());
        let last = self.calendars().await.pop().unwrap();
        self.stage.pass(Duration::from_secs(1));
        Doing::of(async move {
            let ended = engine.pull_now(&tenant, &[last], Duration::from_secs(60)).await.remove(0);
            if ended.is_fresh == is_fresh { Ok(()) } else { Err(format!("{ended:?}")) }
        })
    }

    /// A heartbeat for work of every kind.
    async fn beaten(&self) -> Doing {
        let store = self.stage.store.clone();
        let now = self.stage.now() + Duration::from_hours(72);
        let mut held = Vec::new();
        // No two claims have one name.
        let owner = mint_name(&SystemEntropy);
        let mut tx = store.begin().await.unwrap();
        for lane in [Lane::Pull, Lane::List, Lane::Advance] {
            let (share, lease) = (Share::All, Duration::ZERO);
            let ask = Claiming { share, owner: &owner, limit: 8, lease, now, last: "" };
            let rows = tx.work().claim(lane.as_str(), &ask).await.unwrap();
            held.extend(rows.iter().map(Claimed::from));
        }
        tx.commit().await.unwrap();
        // Of leases that end at once, the place at the host does too.
        assert_eq!(held.len(), 5, "two pulls, a listing, two calendars to advance: {held:?}");
        Doing::of(async move {
            let beat = async {
                let mut tx = store.begin().await?;
                tx.work().beat(&held, Duration::ZERO, now).await?;
                tx.commit().await
            };
            beat.await.map_err(|error| format!("{error:?}"))
        })
    }

    /// The end of the whole tenant, or of what a wrong clock wrote; taken back when it is there.
    fn undone(&self, what: Undone) -> Doing {
        let (store, tenant, now) =
            (self.stage.store.clone(), self.stage.tenant.clone(), self.stage.now());
        Doing::of(async move {
            let done = async {
                let mut tx = store.begin().await?;
                match what {
                    Undone::Tenant => tx.tenants().delete(&tenant).await.map(|_| ())?,
                    Undone::Clock => {
                        tx.work().turn_back(Timestamp::UNIX_EPOCH, now).await.map(|_| ())?;
                    }
                }
                tx.rollback().await
            };
            done.await.map_err(|error| format!("{error:?}"))
        })
    }
}

#[derive(Clone, Copy)]
enum Undone {
    Tenant,
    Clock,
}

async fn at_peace(begin: impl AsyncFn(&Scene) -> Doing) {
    on_postgres(async |bed| {
        let scene = Scene::new(bed).await;
        let found = scene.meets_all(&begin).await;
        assert!(found.is_empty(), "{}", found.join("\n"));
    })
    .await;
}

#[tokio::test]
async fn a_relink_and_a_listing_wait_for_nobody_who_waits_for_them() {
    at_peace(async |scene| {
        scene.lose_one();
        scene.relinked()
    })
    .await;
    at_peace(async |scene| {
        scene.lose_one();
        scene.asked_for(Selector::Connection(scene.connection().await)).0.await.unwrap();
        scene.drained(Lane::List)
    })
    .await;
    at_peace(async |scene| {
        scene.asked_for(Selector::Connection(scene.connection().await)).0.await.unwrap();
        scene.fail();
        scene.drained(Lane::List)
    })
    .await;
}

#[tokio::test]
async fn a_pull_and_a_nudge_wait_for_nobody_who_waits_for_them() {
    at_peace(async |scene| {
        // A listing failed before: the pull that ends well has it tried again.
        scene.run("UPDATE connections SET failures = 1").await;
        scene.pulled(true).await
    })
    .await;
    at_peace(async |scene| {
        scene.fail();
        scene.pulled(false).await
    })
    .await;
    at_peace(async |scene| scene.asked_for(Selector::All)).await;
}

#[tokio::test]
async fn a_heartbeat_and_a_clock_set_back_wait_for_nobody_who_waits_for_them() {
    at_peace(async |scene| scene.beaten().await).await;
    at_peace(async |scene| scene.undone(Undone::Clock)).await;
}

#[tokio::test]
async fn the_end_of_a_connection_or_a_tenant_waits_for_nobody_who_waits_for_it() {
    at_peace(async |scene| {
        let connection = scene.connection().await;
        scene.stage.linker.remove(&scene.stage.tenant, &connection, Removal::PLAIN).await.unwrap();
        scene.drained(Lane::Remove)
    })
    .await;
    at_peace(async |scene| scene.undone(Undone::Tenant)).await;
}

#[tokio::test]
async fn a_relink_that_wakes_work_before_it_writes_the_connection_is_found() {
    on_postgres(async |bed| {
        let scene = Scene::new(bed).await;
        let found = scene
            .meets_all(async |scene| {
                scene.lose_one();
                let relinked = scene.relinked();
                let drill = Drill::with_bugs(&[Bug::WorkBeforeConnection]);
                Doing::of(async move { drill.run(relinked.0).await.unwrap() })
            })
            .await;
        assert!(!found.is_empty(), "the test cannot see it");
    })
    .await;
}
