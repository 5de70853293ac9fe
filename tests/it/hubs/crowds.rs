//! Many calendars at hosts of their own: what hangs holds nothing up that is well, and who has much to do keeps
//! nobody else waiting. Measured; `scripts/several-hubs` prints the numbers of `docs/results/several-hubs.md`.
//!
//! The bars themselves are held where the tests run alone, at the real pace: in company a machine is not as fast a
//! minute later. Everywhere it is held what they rest on, which no load changes.

use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use simulators::{Act, Fault};

use super::{
    cell::{Cell, Hub, NOW, hurry},
    site::Site,
};
use crate::support::engines::postgres_server;

/// How long a host takes for a healthy answer: so long that the machine under the test hardly matters.
const ANSWER: Duration = Duration::from_millis(300);
const CROWD: usize = 200;
/// A hundredth of them.
const POISONED: usize = 2;
/// How many pulls a hub does at once of what did not fail last time.
const AT_ONCE: usize = 8;

/// Whether the machine does nothing else: `scripts/several-hubs` runs these alone.
fn is_alone() -> bool {
    hurry() == 1
}

/// How long the host of a poisoned calendar hangs before it fails; in earnest longer than any call may take.
fn hang() -> Duration {
    if is_alone() { Duration::from_secs(60) } else { Duration::from_secs(20) }
}

struct Crowd {
    cell: Cell,
    site: Site,
    hub: Hub,
    /// The first ones are poisoned later, or one of them is another tenant's.
    calendars: Vec<String>,
}

impl Crowd {
    /// So many calendars, read once; the first is a tenant's that has no other.
    async fn gather(size: usize) -> Self {
        let cell = Cell::open().await.unwrap();
        let mut site = Site::open().await;
        let hub = cell.serve().await;
        let mut tenants = Vec::new();
        for name in ["quiet", "noisy"] {
            let (status, made) = hub.post("/v1/tenants", &json!({ "name": name })).await;
            assert_eq!(status, 201, "{made}");
            tenants.push(made["id"].as_str().unwrap().to_owned());
        }
        let mut logins = Vec::new();
        for number in 0..size {
            let login =
                site.person(&format!("p{number:03}"), u8::try_from(number + 1).unwrap()).await;
            logins.push((tenants[number.min(1)].clone(), login));
        }
        let connections: Vec<String> = stream::iter(logins)
            .map(|(tenant, login)| link(&hub, tenant, login))
            .buffered(16)
            .collect()
            .await;
        let crowd = Self { cell, site, hub, calendars: Vec::new() };
        crowd.ended("all to be read once").await;
        let mut calendars = Vec::new();
        for connection in connections {
            let sql =
                format!("SELECT calendar_id FROM calendars WHERE connection_id = '{connection}'");
            calendars.push(crowd.text(&sql).await);
        }
        let ms = ANSWER.as_millis().try_into().unwrap();
        crowd.site.world.fault(Fault::new(Act::Latency { ms }));
        Self { calendars, ..crowd }
    }

    /// The first two in SQL: those that are poisoned, or are refreshed one by one.
    fn poison(&self) -> String {
        let quoted: Vec<String> =
            self.calendars.iter().take(POISONED).map(|id| format!("'{id}'")).collect();
        if quoted.is_empty() { "''".to_owned() } else { quoted.join(", ") }
    }

    async fn text(&self, sql: &str) -> String {
        use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, Row as _};
        let mut conn = PgConnection::connect(&self.cell.url).await.unwrap();
        let row = conn.fetch_one(AssertSqlSafe(sql.to_owned())).await.unwrap();
        conn.close().await.unwrap();
        row.get(0)
    }

    /// Waits until no healthy row is due or worked on; those of hosts that hang do not count.
    async fn ended(&self, what: &str) {
        let open = format!(
            "SELECT COUNT(*) FROM work WHERE lane IN ('pull', 'list') AND subject NOT IN ({}) \
             AND (lease_owner IS NOT NULL OR due_us <= {NOW})",
            self.poison()
        );
        let began = Instant::now();
        while self.cell.sql(&open).await != Some(0) {
            assert!(began.elapsed() < Duration::from_secs(120), "gave up waiting for {what}");
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// Has all healthy calendars pulled, and before them the poisoned ones if there are any yet. Answers how long
    /// the healthy ones took.
    async fn round(&self, is_poisoned: bool) -> Duration {
        let poison = self.poison();
        self.cell
            .sql(&format!(
                "UPDATE work SET nudges = nudges + 1, \
                 due_us = {NOW} - CASE WHEN subject IN ({poison}) THEN 3600000000 ELSE 0 END \
                 WHERE lane = 'pull' AND (subject NOT IN ({poison}) OR {is_poisoned})"
            ))
            .await;
        let began = Instant::now();
        self.refresh(&self.calendars[POISONED]).await;
        self.ended("the healthy ones").await;
        began.elapsed()
    }

    async fn fastest(&self, rounds: usize, is_poisoned: bool) -> Duration {
        let mut fastest = Duration::MAX;
        for _ in 0..rounds {
            fastest = fastest.min(self.round(is_poisoned).await);
        }
        fastest
    }

    /// How often the poisoned ones were claimed.
    async fn claims(&self) -> i64 {
        let sum = format!(
            "SELECT SUM(fence)::bigint FROM work WHERE lane = 'pull' AND subject IN ({})",
            self.poison()
        );
        self.cell.sql(&sum).await.unwrap()
    }

    /// Waits until every poisoned one has failed and is worked on no more.
    async fn failed(&self) {
        let failed = format!(
            "SELECT COUNT(*) FROM work WHERE lane = 'pull' AND subject IN ({}) \
             AND last_error IS NOT NULL AND lease_owner IS NULL",
            self.poison()
        );
        let began = Instant::now();
        while self.cell.sql(&failed).await != i64::try_from(POISONED).ok() {
            assert!(began.elapsed() < Duration::from_secs(120), "the poison does not fail");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Asks for a pull of a calendar, which wakes the hub.
    async fn refresh(&self, calendar: &str) {
        let tenant = self
            .text(&format!("SELECT tenant_id FROM calendars WHERE calendar_id = '{calendar}'"))
            .await;
        let path = format!("/v1/calendars/{calendar}/refresh");
        let (status, answer) = self.hub.post_for(&tenant, &path, &json!({})).await;
        assert_eq!(status, 202, "{answer}");
    }

    async fn end(self) {
        let Self { cell, site, hub, .. } = self;
        drop((hub, site));
        cell.close().await;
    }
}

async fn link(hub: &Hub, tenant: String, login: Value) -> String {
    let (status, linked) = hub.post_for(&tenant, "/v1/connections", &login).await;
    assert_eq!(status, 201, "{linked}");
    linked["id"].as_str().unwrap().to_owned()
}

/// Healthy pulls a second, of a round that took so long.
fn rate(took: Duration) -> f64 {
    let healthy = u32::try_from(CROWD - POISONED).unwrap();
    f64::from(healthy) / took.as_secs_f64()
}

#[tokio::test]
async fn a_hundredth_that_hangs_takes_nothing_from_the_rest() {
    if postgres_server().is_none() {
        return;
    }
    let mut crowd = Crowd::gather(CROWD).await;
    let without = rate(crowd.fastest(2, false).await);
    let hang = u64::try_from(hang().as_millis()).unwrap();
    for number in 0..POISONED {
        let status = Act::Status { status: 500, retry_after_s: None, body: String::new() };
        for act in [Act::Latency { ms: hang }, status] {
            crowd.site.world.fault(Fault::new(act).account(&format!("p{number:03}")));
        }
    }
    let first = rate(crowd.round(true).await);
    crowd.failed().await;
    let claims = crowd.claims().await;
    crowd.site.in_flight.forget();
    let beside = rate(crowd.fastest(3, true).await);
    let most_beside = crowd.site.in_flight.most();
    assert!(crowd.claims().await > claims, "the poisoned ones were asked, too");
    crowd.failed().await;
    crowd.hub.kill();
    crowd.hub = crowd.cell.serve_as("bug=failing_among_all", &crowd.cell.url).await;
    crowd.site.in_flight.forget();
    let among = rate(crowd.round(true).await);
    let most_among = crowd.site.in_flight.most();
    println!(
        "I14: {without:.1} healthy pulls/s without poison, {first:.1} when it begins, {beside:.1} beside it: {:.3}; \
         control {among:.1}: {:.3}",
        beside / without,
        among / without
    );
    // All drains for what is well have something to do while others hang.
    assert_eq!(most_beside, AT_ONCE + POISONED);
    assert_eq!(most_among, AT_ONCE, "the test cannot see it");
    if is_alone() {
        assert!(beside >= 0.95 * without, "{beside} of {without}");
        assert!(among < 0.85 * without, "the test cannot see it: {among} of {without}");
    }
    crowd.end().await;
}

/// From a refresh of a calendar to the end of its pull: the slowest of some.
async fn slowest(crowd: &Crowd, calendar: &str, is_noisy: bool, samples: usize) -> Duration {
    let mut slowest = Duration::ZERO;
    let idle = format!(
        "SELECT fence FROM work WHERE lane = 'pull' AND subject = '{calendar}' AND lease_owner IS NULL"
    );
    for _ in 0..samples {
        if is_noisy {
            // Every calendar but the first two is due, and was long before.
            crowd
                .cell
                .sql(&format!(
                    "UPDATE work SET due_us = {NOW} - 3600000000 WHERE lane = 'pull' \
                     AND subject NOT IN ({}) AND lease_owner IS NULL",
                    crowd.poison()
                ))
                .await;
        }
        let before = crowd.cell.sql(&idle).await;
        let began = Instant::now();
        crowd.refresh(calendar).await;
        loop {
            let now = crowd.cell.sql(&idle).await;
            if now.is_some() && now > before {
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "the calendar waits");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        slowest = slowest.max(began.elapsed());
    }
    slowest
}

const SAMPLES: usize = 40;

#[tokio::test]
async fn a_tenant_with_a_hundred_times_as_much_to_do_keeps_no_other_waiting() {
    if postgres_server().is_none() {
        return;
    }
    let crowd = Crowd::gather(102).await;
    let [quiet, noisy] = [&crowd.calendars[0], &crowd.calendars[1]];
    let alone = slowest(&crowd, quiet, false, SAMPLES).await;
    let beside = slowest(&crowd, quiet, true, SAMPLES).await;
    // Within one tenant, the longest due go first.
    let among = slowest(&crowd, noisy, true, 3).await;
    let times = |waited: Duration| waited.as_secs_f64() / alone.as_secs_f64();
    println!(
        "I23: slowest of {SAMPLES} {alone:.2?} alone, {beside:.2?} beside a tenant with 100x: {:.2}; \
         control, in one tenant with them: {among:.2?}: {:.2}",
        times(beside),
        times(among)
    );
    assert!(beside * 2 <= among, "{beside:?}, and {among:?} where tenants do not take turns");
    if is_alone() {
        assert!(times(beside) <= 2.0, "{beside:?} instead of {alone:?}");
        assert!(times(among) > 3.0, "the test cannot see it: {among:?}");
    }
    crowd.end().await;
}
