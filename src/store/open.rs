//! Opening a database: which engine, with what settings, brought up to date, and refused when unfit.

use std::{
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use sqlx::{
    Connection as _, PgPool, SqlitePool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::watch;

use super::{
    Epoch, Tx,
    error::{Result, StoreError},
    tx::{Conn, On},
};
use crate::{
    clock::Entropy,
    drill::{Point, hurried, reach},
};

pub(super) static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");
pub(super) static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// How long a transaction that writes may be silent; shorter than a lease.
const IDLE: Duration = Duration::from_secs(10);

/// How a database is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// Connections to PostgreSQL, or readers of an SQLite file; writers of SQLite are always one.
    pub connections: u32,
    /// Prepared statements kept a connection; 0 behind a PgBouncer older than 1.21.
    pub statement_cache: usize,
    /// Whether an SQLite file is taken for this process alone, as a hub must. PostgreSQL is shared.
    pub exclusive: bool,
    /// How long a caller waits for a free connection or for another writer.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connections: 8,
            statement_cache: 256,
            exclusive: true,
            patience: Duration::from_secs(10),
        }
    }
}

/// Which database is behind a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// An open database. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    pools: Pools,
    epoch: Epoch,
    bell: Arc<watch::Sender<u64>>,
    keeps_statements: bool,
    /// Conn while the store lives; the operating system frees it however the process ends.
    _lock: Option<Arc<File>>,
}

#[derive(Clone, Debug)]
enum Pools {
    Sqlite { writer: SqlitePool, readers: SqlitePool },
    Postgres(PgPool),
}

impl Store {
    /// Opens the database of `url`, brings its schema up to date and reads the epoch of its change log.
    ///
    /// `sqlite:PATH` (made when absent), `sqlite::memory:` (one connection: a caller that opens a second
    /// transaction beside its first gets an error after `patience`), or `postgres://..`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Refused`] when another hub holds the file, or the server is not a PostgreSQL >= 15.
    pub async fn open(url: &str, options: &Options, entropy: &dyn Entropy) -> Result<Self> {
        let (pools, lock) = if url.starts_with("sqlite:") {
            open_sqlite(url, options).await?
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            (open_postgres(url, options).await?, None)
        } else {
            let text = "the database URL must begin with sqlite: or postgres:";
            return Err(StoreError::Refused(text.to_owned()));
        };
        let bell = Arc::new(watch::Sender::new(0));
        let mut store = Self {
            pools,
            epoch: Epoch::default(),
            bell,
            keeps_statements: options.statement_cache > 0,
            _lock: lock.map(Arc::new),
        };
        reach(Point::Migrated).await;
        let mut tx = store.begin().await?;
        let epoch = tx.changes().settle_epoch(entropy).await?;
        tx.commit().await?;
        store.epoch = epoch;
        Ok(store)
    }

    pub fn engine(&self) -> Engine {
        match &self.pools {
            Pools::Sqlite { .. } => Engine::Sqlite,
            Pools::Postgres(_) => Engine::Postgres,
        }
    }

    /// Begins a transaction that may write. On SQLite it is the only one until it ends. On PostgreSQL the
    /// server ends it when nothing is heard of it for a while: the locks of a hub that is frozen or cut off
    /// must not keep others from its work. Whatever the server's own default is, each statement sees what was committed
    /// before it began: what is read under a lock must not come from before the lock.
    pub async fn begin(&self) -> Result<Tx> {
        const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = '10s'";
        // For drills whose leases are shorter.
        const BEGIN_HURRIED: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = '3s'";
        let begin = if hurried(IDLE) < IDLE { BEGIN_HURRIED } else { BEGIN };
        let on = match &self.pools {
            Pools::Sqlite { writer, .. } => {
                On::Sqlite(Conn::Whole(writer.begin_with("BEGIN IMMEDIATE").await?))
            }
            Pools::Postgres(pool) => On::Postgres(Conn::Whole(pool.begin_with(begin).await?)),
        };
        Ok(self.tx(on))
    }

    /// Begins a transaction that only reads, and sees one state of everything until it ends.
    pub async fn read(&self) -> Result<Tx> {
        const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let on = match &self.pools {
            Pools::Sqlite { readers, .. } => On::Sqlite(Conn::Whole(readers.begin().await?)),
            Pools::Postgres(pool) => On::Postgres(Conn::Whole(pool.begin_with(SNAPSHOT).await?)),
        };
        Ok(self.tx(on))
    }

    /// A look by one statement, which needs no transaction around it. Two of them may see two states.
    pub async fn glance(&self) -> Result<Tx> {
        let on = match &self.pools {
            Pools::Sqlite { readers, .. } => On::Sqlite(Conn::Glance(readers.acquire().await?)),
            Pools::Postgres(pool) => On::Postgres(Conn::Glance(pool.acquire().await?)),
        };
        Ok(self.tx(on))
    }

    /// Changes when a transaction of this process has added to the change log. Only a hint: another
    /// process's additions do not ring here.
    pub fn bell(&self) -> watch::Receiver<u64> {
        self.bell.subscribe()
    }

    /// The epoch of the change log.
    pub fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// How many connections the pool holds, and how many of those nobody uses.
    pub fn connections(&self) -> (u32, usize) {
        match &self.pools {
            Pools::Sqlite { writer, readers } => {
                (writer.size() + readers.size(), writer.num_idle() + readers.num_idle())
            }
            Pools::Postgres(pool) => (pool.size(), pool.num_idle()),
        }
    }

    /// Brings what was deleted out of SQLite's log into the file, where it is overwritten. Only a matter of
    /// time otherwise; PostgreSQL does the same in its vacuum.
    pub async fn scrub(&self) {
        let Pools::Sqlite { writer, .. } = &self.pools else { return };
        let sql = include_str!("sql/scrub.sqlite.sql");
        if let Err(error) = sqlx::query(sql).execute(writer).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "The log was not emptied.");
        }
    }

    /// Ends all connections, after running transactions have ended.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }

    fn tx(&self, on: On) -> Tx {
        Tx {
            on,
            epoch: self.epoch.clone(),
            bell: Arc::clone(&self.bell),
            told: false,
            keeps_statements: self.keeps_statements,
            data_key: None,
        }
    }
}

async fn open_sqlite(url: &str, options: &Options) -> Result<(Pools, Option<File>)> {
    let connect = SqliteConnectOptions::from_str(url)
        .map_err(|_| StoreError::Refused("the SQLite URL cannot be read".to_owned()))?
        .create_if_missing(true)
        .foreign_keys(true)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(options.patience)
        // What is deleted is overwritten, not only forgotten.
        .pragma("secure_delete", "ON")
        .statement_cache_capacity(options.statement_cache.max(100));
    let pool = || SqlitePoolOptions::new().acquire_timeout(options.patience);
    if url.contains(":memory:") || url.contains("mode=memory") {
        let only = pool().max_connections(1).idle_timeout(None).max_lifetime(None);
        let only = only.connect_with(connect).await?;
        prepare_sqlite(&only).await?;
        return Ok((Pools::Sqlite { writer: only.clone(), readers: only }, None));
    }
    let pool = || {
        // On a full disk SQLite rolls back by itself; sqlx, whose own rollback then fails, counts on as if the
        // transaction were open, and the connection would never begin another.
        pool().before_acquire(|connection, _| {
            Box::pin(async move { Ok(!connection.is_in_transaction()) })
        })
    };
    let connect = connect.journal_mode(SqliteJournalMode::Wal);
    let lock = options.exclusive.then(|| take_file(connect.get_filename())).transpose()?;
    let writer = pool().max_connections(1).connect_with(connect.clone()).await?;
    prepare_sqlite(&writer).await?;
    let readers = pool()
        .max_connections(options.connections.max(1))
        .connect_lazy_with(connect.read_only(true));
    Ok((Pools::Sqlite { writer, readers }, lock))
}

async fn prepare_sqlite(pool: &SqlitePool) -> Result<()> {
    SQLITE_MIGRATIONS.run(pool).await.map_err(StoreError::Migration)?;
    sqlx::raw_sql(include_str!("sql/planner_hints.sqlite.sql")).execute(pool).await?;
    Ok(())
}

/// Takes the database file for this process by a lock on a file beside it.
fn take_file(database: &Path) -> Result<File> {
    let mut path = PathBuf::from(database).into_os_string();
    path.push(".lock");
    let taken = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let refused = |why: String| StoreError::Refused(why);
    let file = taken.map_err(|e| refused(format!("{} cannot be made: {e}", path.display())))?;
    file.try_lock().map_err(|_| {
        refused(format!(
            "another calhub is using {}; SQLite serves one hub process, PostgreSQL serves many",
            database.display()
        ))
    })?;
    Ok(file)
}

/// How a server is connected to. Without the parameter that PgBouncer refuses unless it is told to ignore it; we store no
/// floating-point number that it would matter to.
pub(super) fn postgres_options(url: &str) -> sqlx::Result<PgConnectOptions> {
    Ok(PgConnectOptions::from_str(url)?.extra_float_digits(None))
}

async fn open_postgres(url: &str, options: &Options) -> Result<Pools> {
    let connect = postgres_options(url)
        .map_err(|_| StoreError::Refused("the PostgreSQL URL cannot be read".to_owned()))?
        .application_name("calhub")
        .statement_cache_capacity(options.statement_cache);
    let pool = PgPoolOptions::new()
        .max_connections(options.connections.max(2))
        .acquire_timeout(options.patience)
        .connect_with(connect)
        .await?;
    let version: String =
        sqlx::query_scalar(include_str!("sql/version.postgres.sql")).fetch_one(&pool).await?;
    if let Some(why) = unfit_server(&version) {
        return Err(StoreError::Refused(why));
    }
    migrate_postgres(&pool).await?;
    Ok(Pools::Postgres(pool))
}

/// Migrates under a transaction's lock: sqlx's own lock belongs to a session, which PgBouncer does not keep.
async fn migrate_postgres(pool: &PgPool) -> Result<()> {
    let mut guard = pool.begin().await?;
    sqlx::query(include_str!("sql/migration_lock.postgres.sql")).execute(&mut *guard).await?;
    let mut migrations =
        Migrator { migrations: POSTGRES_MIGRATIONS.migrations.clone(), ..Migrator::DEFAULT };
    migrations.set_locking(false);
    migrations.run(pool).await.map_err(StoreError::Migration)?;
    guard.commit().await?;
    Ok(())
}

/// Why a server with this `version()` cannot be used, if it cannot.
pub(super) fn unfit_server(version: &str) -> Option<String> {
    for (mark, name) in [("CockroachDB", "CockroachDB"), ("-YB-", "YugabyteDB")] {
        if version.contains(mark) {
            return Some(format!(
                "{name} lacks the constraints and locks that calhub rests on; use PostgreSQL 15 or later"
            ));
        }
    }
    let major = version.strip_prefix("PostgreSQL ").and_then(|rest| {
        rest.split(|c: char| !c.is_ascii_digit())
            .next()
            .and_then(|digits| digits.parse::<u32>().ok())
    });
    match major {
        Some(15..) => None,
        Some(old) => Some(format!("PostgreSQL {old} is too old; use 15 or later")),
        None => Some("the server does not say that it is PostgreSQL; use 15 or later".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SeededEntropy;

    /// A commit that was answered survives the loss of power, not only of the process.
    #[tokio::test]
    async fn a_commit_of_sqlite_waits_for_the_disk() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("calhub.db").display());
        let store = Store::open(&url, &Options::default(), &SeededEntropy::new(1)).await.unwrap();
        let Pools::Sqlite { writer, .. } = &store.pools else { panic!("not SQLite") };
        let level: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(writer).await.unwrap();
        let mode: String =
            sqlx::query_scalar("PRAGMA journal_mode").fetch_one(writer).await.unwrap();
        assert_eq!((level, mode.as_str()), (2, "wal"), "FULL and write-ahead");
    }

    #[test]
    fn servers_without_the_needed_rules_are_refused() {
        assert_eq!(unfit_server("PostgreSQL 15.18 (Debian 15.18-0+deb12u1) on x86_64"), None);
        assert_eq!(unfit_server("PostgreSQL 18beta1 on x86_64"), None);
        assert!(unfit_server("PostgreSQL 14.2 on x86_64").is_some());
        assert!(unfit_server("CockroachDB CCL v24.1.0").is_some());
        assert!(unfit_server("PostgreSQL 15.2-YB-2.25.1.0-b0 on x86_64").is_some());
        assert!(unfit_server("MariaDB").is_some());
    }
}
