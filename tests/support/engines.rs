//! A fresh database on each engine that can be had: SQLite always, PostgreSQL when `TEST_POSTGRES_URL`
//! names a server (`scripts/test-postgres start` prints one). With `CI=true` both are a must.

use std::{
    panic::AssertUnwindSafe,
    sync::atomic::{AtomicU32, Ordering},
};

use calhub::{
    clock::{Entropy, SeededEntropy, SystemEntropy},
    store::{Engine, Options, Store},
};
use futures::FutureExt;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tempfile::TempDir;

/// One database of a test's own.
pub struct Bed {
    pub store: Store,
    pub engine: Engine,
    pub url: String,
}

impl Bed {
    /// Opens the same database once more, as a second hub process would.
    pub async fn open_again(&self) -> Store {
        let options = Options { exclusive: false, ..Options::default() };
        Store::open(&self.url, &options, &SeededEntropy::new(99)).await.unwrap()
    }
}

/// The server for PostgreSQL tests, or `None` where they are left out.
pub fn postgres_server() -> Option<String> {
    let url = std::env::var("TEST_POSTGRES_URL").ok().filter(|url| !url.is_empty());
    if url.is_none() {
        let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!is_ci, "TEST_POSTGRES_URL is not set: see scripts/test-postgres");
        eprintln!("TEST_POSTGRES_URL is not set: this test runs on SQLite only");
    }
    url
}

/// Runs `test` on a fresh database of each engine.
pub async fn on_each_engine(test: impl AsyncFn(&Bed)) {
    on_sqlite(&test).await;
    on_postgres(&test).await;
}

/// Runs `test` on a fresh SQLite file.
pub async fn on_sqlite(test: impl AsyncFn(&Bed)) {
    let dir = scratch();
    let url = format!("sqlite:{}", dir.path().join("calhub.db").display());
    run(url, test).await;
}

/// A directory of a test's own, in memory where there is room: every commit waits for the disk, and these tests are not
/// about disks.
fn scratch() -> TempDir {
    const MEMORY: &str = "/dev/shm";
    let room = rustix::fs::statvfs(MEMORY).map_or(0, |found| found.f_bavail * found.f_frsize);
    let in_memory = (room > 2 << 30).then(|| tempfile::tempdir_in(MEMORY).ok());
    in_memory.flatten().unwrap_or_else(|| tempfile::tempdir().unwrap())
}

/// Runs `test` on a fresh PostgreSQL database, where there is a server.
pub async fn on_postgres(test: impl AsyncFn(&Bed)) {
    let Some(server) = postgres_server() else { return };
    let url = create_database(&server).await;
    let outcome = AssertUnwindSafe(run(url.clone(), test)).catch_unwind().await;
    drop_database(&server, &url).await;
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

async fn run(url: String, test: impl AsyncFn(&Bed)) {
    let store = Store::open(&url, &Options::default(), &SeededEntropy::new(1)).await.unwrap();
    let bed = Bed { engine: store.engine(), store, url };
    eprintln!("on {:?}", bed.engine);
    test(&bed).await;
    bed.store.close().await;
}

/// Makes an empty database and answers its URL.
pub async fn create_database(server: &str) -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let mut random = [0; 4];
    SystemEntropy.fill(&mut random);
    let name = format!(
        "calhub_test_{}_{}_{}",
        std::process::id(),
        MADE.fetch_add(1, Ordering::Relaxed),
        u32::from_be_bytes(random)
    );
    let mut conn = PgConnection::connect(server).await.unwrap();
    conn.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
    conn.close().await.unwrap();
    let mut url = url::Url::parse(server).unwrap();
    url.set_path(&name);
    url.into()
}

/// Drops a database made by [`create_database`], and ends who is still connected to it.
pub async fn drop_database(server: &str, url: &str) {
    let url = url::Url::parse(url).unwrap();
    let name = url.path().trim_start_matches('/').to_owned();
    let mut conn = PgConnection::connect(server).await.unwrap();
    conn.execute(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).await.unwrap();
    conn.close().await.unwrap();
}
