//! The database goes away while a hub is booked and delivers, in all the ways in which it can: bookings come to a halt,
//! come back by themselves, and nothing is lost.
//!
//! `scripts/chaos` does the same for longer.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::{super::number, client::Mode, site::Site};
use crate::support::engines::{create_database, postgres_server};

/// How long the load is measured, before and after each trouble.
const LOOK: Duration = Duration::from_secs(3);

fn test_postgres(args: &[&str]) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/test-postgres");
    let ended = Command::new(script).args(args).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    String::from_utf8(ended.stdout).unwrap().trim().to_owned()
}

/// A cluster of this test's own, removed at the end.
struct Cluster(String);

impl Drop for Cluster {
    fn drop(&mut self) {
        test_postgres(&["stop", &self.0]);
    }
}

async fn session(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}

/// A load on a hub, and how much of it gets through.
struct Load<'a> {
    site: &'a Site,
    /// Requests a second that were said yes to, before any trouble.
    usual: f64,
}

impl Load<'_> {
    fn yes(&self) -> usize {
        self.site.floor.told.lock().unwrap().yes
    }

    async fn rate(&self, over: Duration) -> f64 {
        let (before, began) = (self.yes(), Instant::now());
        tokio::time::sleep(over).await;
        (self.yes() - before) as f64 / began.elapsed().as_secs_f64()
    }

    /// Waits until bookings are taken again, and sees that they are taken as before.
    async fn recovers(&self, from: &str, least: f64) {
        let (before, began) = (self.yes(), Instant::now());
        while self.yes() < before + 5 {
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "{from}: no booking is taken any more"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let (back, mut rate) = (began.elapsed(), 0.0);
        // Others use the machine too: a slow look is no proof.
        for _ in 0..5 {
            rate = self.rate(LOOK).await;
            if rate >= least * self.usual {
                break;
            }
        }
        println!(
            "chaos, {from}: taken again after {back:.1?}, {rate:.0} a second of {:.0} before",
            self.usual
        );
        assert!(rate >= least * self.usual, "{from}: {rate} a second, before it {}", self.usual);
    }
}

/// PostgreSQL ends as a machine that fails, and comes back.
async fn halted(load: &Load<'_>, cluster: &Cluster) {
    test_postgres(&["halt", &cluster.0]);
    tokio::time::sleep(Duration::from_secs(2)).await;
    test_postgres(&["resume", &cluster.0]);
    load.recovers("PostgreSQL halted and resumed", 0.3).await;
}

/// All sessions of the hub end, again and again.
async fn sessions_end(load: &Load<'_>, url: &str) {
    for _ in 0..5 {
        let mut conn = session(url).await;
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
            WHERE datname = current_database() AND application_name = 'calhub'";
        conn.execute(end).await.unwrap();
        conn.close().await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    load.recovers("all sessions ended five times", 0.3).await;
}

/// Somebody locks a table that everybody needs, until no connection of the hub is left.
async fn pool_is_exhausted(load: &Load<'_>, url: &str) {
    let mut conn = session(url).await;
    let mut tx = conn.begin().await.unwrap();
    tx.execute("LOCK TABLE bookings, claims, work IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let before = load.yes();
    tokio::time::sleep(Duration::from_secs(number("CALHUB_CHAOS_LOCK", 6))).await;
    // Those whose transaction had passed the lock may still have been answered.
    assert!(load.yes() - before < 20, "nobody waited for the lock");
    tx.rollback().await.unwrap();
    load.recovers("every connection stuck behind a lock", 0.3).await;
}

/// Somebody has a transaction open that reads nothing any more, so that nothing can be cleaned up.
async fn reader_is_idle(load: &Load<'_>, url: &str) {
    let hold = Duration::from_secs(number("CALHUB_CHAOS_HOLD", 8));
    let mut conn = session(url).await;
    let mut tx = conn.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ").await.unwrap();
    let held: i64 =
        sqlx::query_scalar("SELECT count(*) FROM bookings").fetch_one(&mut *tx).await.unwrap();
    let began = Instant::now();
    let mut rate = 0.0;
    while began.elapsed() < hold {
        rate = load.rate(LOOK).await;
    }
    println!(
        "chaos, a reader idle in its transaction for {:.0} s ({held} bookings then): at the end {rate:.0} a second of {:.0} before",
        began.elapsed().as_secs_f64(),
        load.usual
    );
    load.recovers("a reader idle in its transaction, still there", 0.3).await;
    tx.rollback().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bookings_outlive_whatever_happens_to_postgresql() {
    if postgres_server().is_none() {
        return;
    }
    let cluster = Cluster(test_postgres(&["start"]));
    let url = create_database(&cluster.0).await;
    // The tests' clusters forget what they committed last when they are halted: this one must not.
    let name = url::Url::parse(&url).unwrap().path()[1..].to_owned();
    let keep = format!("ALTER DATABASE {name} SET synchronous_commit = on");
    session(&url).await.execute(AssertSqlSafe(keep)).await.unwrap();
    let (site, hub) = Site::found(number("CALHUB_CRASH_SEED", 1), Some(url.clone()), &[]).await;
    site.floor.set(Mode::Load);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut load = Load { site: &site, usual: 0.0 };
    load.usual = load.rate(LOOK).await;
    sessions_end(&load, &url).await;
    halted(&load, &cluster).await;
    pool_is_exhausted(&load, &url).await;
    reader_is_idle(&load, &url).await;
    let faults = site.comes_to_rest().await;
    let told = site.floor.told.lock().unwrap();
    println!(
        "chaos: {} yes, {} refused, {} repeated, {} faults",
        told.yes,
        told.refused,
        told.repeated,
        faults.len()
    );
    drop(told);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    drop(hub);
}
