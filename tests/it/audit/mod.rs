//! The audit log: everything that is done to it afterwards is found, whoever acts waits for nobody, and what is told of
//! a tenant is nothing of a person.

mod acts;
mod chain;
mod command;
mod sealing;

use std::{sync::Arc, time::Duration};

use calhub::{
    audit::{Act, AuditLog, Broken, By, Fault, Sealing, Verb},
    clock::{ManualClock, SeededEntropy},
    model::ids::TenantId,
    secrets::{Kek, Vault},
    store::{Engine, Store},
};
use jiff::Timestamp;
use serde_json::json;
use sqlx::{
    AssertSqlSafe,
    sqlite::{SqliteConnectOptions, SqliteSynchronous},
};

use crate::support::engines::Bed;

const NOW: &str = "2026-03-02T08:00:00Z";

/// A log on a database of its own, and a hand that is not the hub's.
pub struct Book {
    pub log: Arc<AuditLog>,
    pub clock: ManualClock,
    store: Store,
    hand: Hand,
}

/// Whoever can write the database and has no key.
enum Hand {
    Sqlite(sqlx::SqlitePool),
    Postgres(sqlx::PgPool),
}

/// The log as a hub of the cell has it; each makes ids of its own.
pub async fn log_on(store: &Store, clock: &ManualClock, nth: u64) -> Arc<AuditLog> {
    let entropy = Arc::new(SeededEntropy::new(100 + nth));
    let kek = Kek::generate(&SeededEntropy::new(7));
    let shared = Arc::new(clock.clone());
    let vault = Vault::open(kek, store, shared.clone(), entropy.clone()).await.unwrap();
    Arc::new(AuditLog::new(store.clone(), Arc::new(vault), shared, entropy))
}

impl Book {
    pub async fn new(bed: &Bed) -> Self {
        let clock = ManualClock::at(NOW.parse::<Timestamp>().unwrap());
        let log = log_on(&bed.store, &clock, 0).await;
        let mut tx = bed.store.begin().await.unwrap();
        log.begin(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
        let hand = match bed.engine {
            Engine::Sqlite => {
                let options: SqliteConnectOptions = bed.url.parse().unwrap();
                // What is undone a moment later need not be on the disk.
                let options = options.synchronous(SqliteSynchronous::Off);
                Hand::Sqlite(sqlx::SqlitePool::connect_with(options).await.unwrap())
            }
            Engine::Postgres => Hand::Postgres(sqlx::PgPool::connect(&bed.url).await.unwrap()),
        };
        Self { log, clock, store: bed.store.clone(), hand }
    }

    /// Writes so many acts of several kinds, a second apart.
    pub async fn write(&self, count: usize) {
        let tenants: [TenantId; 2] = ["ten_a".parse().unwrap(), "ten_b".parse().unwrap()];
        let mut tx = self.store.begin().await.unwrap();
        for n in 0..count {
            self.clock.advance(Duration::from_secs(1));
            let subject = format!("con_{n}");
            let (by, act) = match n % 4 {
                0 => (By::hub(), Act::on(&tenants[0], Verb::ConnectionLinked, &subject)),
                1 => (By::cli(), Act::on_hub(Verb::BackupMade).with(json!({"sha256": "x"}))),
                _ => {
                    let by = By { actor: "key:k".into(), request: Some("req_1".into()) };
                    (by, Act::on(&tenants[1], Verb::ConnectionUnlinked, &subject))
                }
            };
            self.log.note(&mut tx, &by, act).await.unwrap();
        }
        tx.commit().await.unwrap();
    }

    /// Writes and seals so many acts.
    pub async fn chain(&self, count: usize) {
        self.write(count).await;
        assert_eq!(self.log.seal().await.unwrap(), Sealing::Sealed(count as u64));
    }

    /// Runs a statement behind the hub's back; answers how many rows it met.
    pub async fn tamper(&self, sql: &str) -> u64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.hand {
            Hand::Sqlite(pool) => sqlx::query(sql).execute(pool).await.unwrap().rows_affected(),
            Hand::Postgres(pool) => sqlx::query(sql).execute(pool).await.unwrap().rows_affected(),
        }
    }

    /// Keeps the state of the log, for [`Book::put_back`].
    pub async fn keep(&self) {
        for table in ["audit", "instance"] {
            self.tamper(&format!("DROP TABLE IF EXISTS kept_{table}")).await;
            self.tamper(&format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}")).await;
        }
    }

    pub async fn put_back(&self) {
        for table in ["audit", "instance"] {
            self.tamper(&format!("DELETE FROM {table}")).await;
            self.tamper(&format!("INSERT INTO {table} SELECT * FROM kept_{table}")).await;
        }
    }

    pub async fn broken(&self) -> Option<Broken> {
        self.log.verify(None).await.unwrap().broken
    }

    pub async fn whole(&self, entries: i64) {
        let verdict = self.log.verify(None).await.unwrap();
        assert_eq!(verdict.broken, None);
        assert_eq!(verdict.checked, entries);
    }

    pub async fn close(self) {
        match self.hand {
            Hand::Sqlite(pool) => pool.close().await,
            Hand::Postgres(pool) => pool.close().await,
        }
    }
}

/// The place and the kind of what was found.
fn at(broken: Option<Broken>) -> Option<(Option<i64>, Fault)> {
    broken.map(|broken| (broken.n, broken.fault))
}
