//! Looking at a database without changing it, for `calhub doctor`.

use std::{fs::OpenOptions, path::Path, str::FromStr, time::Duration};

use jiff::Timestamp;
use sqlx::{
    ConnectOptions, Connection, PgConnection, SqliteConnection, migrate::Migrator,
    postgres::PgConnectOptions, sqlite::SqliteConnectOptions,
};

use super::{
    Engine,
    open::{POSTGRES_MIGRATIONS, SQLITE_MIGRATIONS, postgres_options, unfit_server},
};

const PATIENCE: Duration = Duration::from_secs(5);
/// Under which the vault keeps what only the right key file opens.
const HASH_KEY: &str = "secrets.hash_key";

/// What a database is and how far its schema is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examination {
    pub engine: Engine,
    /// The engine's own words.
    pub version: String,
    /// Migrations of this program that the database lacks.
    pub missing: usize,
    /// Migrations of the database that this program does not know: it is older than the database.
    pub unknown: usize,
    /// Something that only the right key file opens, when the database holds any.
    pub sealed: Option<String>,
    /// The database's clock, where it has one of its own.
    pub now: Option<Timestamp>,
    /// Whether it takes no writes.
    pub is_read_only: bool,
    /// Whether what was prepared on a connection may be gone with the next transaction.
    pub loses_statements: bool,
    /// When the oldest piece of work became due that nobody has taken.
    pub oldest_due: Option<Timestamp>,
}

/// Why a database cannot be looked at. The texts hold no password.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    #[error("{0}")]
    Address(&'static str),
    #[error("the database server cannot be reached: {0}")]
    Unreachable(String),
    #[error("the database refuses the login: {0}")]
    Login(String),
    #[error("{0}")]
    Missing(String),
    /// Another server than calhub needs, or an older one.
    #[error("{0}")]
    Server(String),
    #[error("the file is damaged or no SQLite database: {0}")]
    Damaged(String),
    #[error("the database does not answer as it should: {0}")]
    Other(String),
}

impl From<sqlx::Error> for Unfit {
    fn from(error: sqlx::Error) -> Self {
        let text = error.to_string();
        let Some(told) = error.as_database_error() else {
            return match error {
                sqlx::Error::Io(source) => Self::Unreachable(source.to_string()),
                _ => Self::Other(text),
            };
        };
        let (code, says) = (told.code().unwrap_or_default(), told.message().to_owned());
        match &*code {
            // PostgreSQL: class 28, no such database, too many connections, starting up or shutting down.
            "28000" | "28P01" => Self::Login(says),
            "3D000" => Self::Missing(says),
            "53300" | "57P01" | "57P02" | "57P03" => Self::Unreachable(says),
            // SQLite: CORRUPT and NOTADB.
            "11" | "26" => Self::Damaged(says),
            _ => Self::Other(says),
        }
    }
}

/// Looks at the database of `url`; `None` when there is none yet.
///
/// # Errors
///
/// [`Unfit`] when it does not answer, or is none that calhub can use.
pub async fn examine(url: &str) -> Result<Option<Examination>, Unfit> {
    let looking = async {
        if url.starts_with("sqlite:") {
            examine_sqlite(url).await
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            examine_postgres(url).await.map(Some)
        } else {
            Err(Unfit::Address("the database URL must begin with sqlite: or postgres:"))
        }
    };
    match tokio::time::timeout(PATIENCE, looking).await {
        Ok(found) => found,
        Err(_) => Err(Unfit::Unreachable("it did not answer within 5 seconds".to_owned())),
    }
}

/// Reads the same few things on both engines; what is not there yet is nothing.
macro_rules! facts {
    ($connection:expr) => {{
        let applied: Vec<(i64, bool)> = sqlx::query_as(include_str!("sql/migrations_applied.sql"))
            .fetch_all(&mut *$connection)
            .await
            .unwrap_or_default();
        let sealed: Option<String> = sqlx::query_scalar(include_str!("sql/instance_get.sql"))
            .bind(HASH_KEY)
            .fetch_optional(&mut *$connection)
            .await
            .ok()
            .flatten();
        let due: Option<i64> = sqlx::query_scalar(include_str!("sql/work_oldest_due.sql"))
            .fetch_one(&mut *$connection)
            .await
            .ok()
            .flatten();
        (applied, sealed, due.and_then(|due| Timestamp::from_microsecond(due).ok()))
    }};
}

async fn examine_sqlite(url: &str) -> Result<Option<Examination>, Unfit> {
    let options = SqliteConnectOptions::from_str(url)
        .map_err(|_| Unfit::Address("the SQLite URL cannot be read"))?;
    let path = options.get_filename().to_owned();
    if !Path::new(&path).exists() {
        return Ok(None);
    }
    let mut connection: SqliteConnection = options.read_only(true).connect().await?;
    // Asks for the first page, which a file that is no database does not have.
    sqlx::query(include_str!("sql/database_size.sqlite.sql")).fetch_one(&mut connection).await?;
    let version: String = sqlx::query_scalar(include_str!("sql/version.sqlite.sql"))
        .fetch_one(&mut connection)
        .await?;
    let (applied, sealed, oldest_due) = facts!(&mut connection);
    connection.close().await?;
    let (missing, unknown) = compare(&SQLITE_MIGRATIONS, &applied);
    Ok(Some(Examination {
        engine: Engine::Sqlite,
        version: format!("SQLite {version}"),
        missing,
        unknown,
        sealed,
        now: None,
        is_read_only: OpenOptions::new().append(true).open(&path).is_err(),
        loses_statements: false,
        oldest_due,
    }))
}

async fn examine_postgres(url: &str) -> Result<Examination, Unfit> {
    let options =
        postgres_options(url).map_err(|_| Unfit::Address("the PostgreSQL URL cannot be read"))?;
    let options = options.application_name("calhub doctor");
    // Unprepared, so that a pooler that loses what is prepared is told as that below.
    let plain = options.clone().statement_cache_capacity(0);
    let mut connection: PgConnection = plain.connect().await?;
    let version: String = sqlx::query_scalar(include_str!("sql/version.postgres.sql"))
        .persistent(false)
        .fetch_one(&mut connection)
        .await?;
    if let Some(why) = unfit_server(&version) {
        return Err(Unfit::Server(why));
    }
    let (applied, sealed, oldest_due) = facts!(&mut connection);
    let now: i64 =
        sqlx::query_scalar(include_str!("sql/now.postgres.sql")).fetch_one(&mut connection).await?;
    let read_only: String = sqlx::query_scalar(include_str!("sql/read_only.postgres.sql"))
        .fetch_one(&mut connection)
        .await?;
    connection.close().await?;
    let (missing, unknown) = compare(&POSTGRES_MIGRATIONS, &applied);
    Ok(Examination {
        engine: Engine::Postgres,
        version,
        missing,
        unknown,
        sealed,
        now: Timestamp::from_microsecond(now).ok(),
        is_read_only: read_only == "on",
        loses_statements: loses_statements(&options).await,
        oldest_due,
    })
}

/// Prepares a statement, lets another session take the server's connection, and runs the statement again.
async fn loses_statements(options: &PgConnectOptions) -> bool {
    const SQL: &str = include_str!("sql/now.postgres.sql");
    let (Ok(mut first), Ok(mut second)) = (options.connect().await, options.connect().await) else {
        return false;
    };
    if sqlx::query(SQL).fetch_one(&mut first).await.is_err() {
        return true;
    }
    let Ok(mut holder) = second.begin().await else { return false };
    let _ = sqlx::query(include_str!("sql/read_only.postgres.sql")).fetch_one(&mut *holder).await;
    let again = sqlx::query(SQL).fetch_one(&mut first).await;
    let _ = holder.rollback().await;
    again.is_err()
}

fn compare(ours: &Migrator, applied: &[(i64, bool)]) -> (usize, usize) {
    let done = |version: i64| applied.iter().any(|(at, success)| *at == version && *success);
    let missing = ours.iter().filter(|migration| !done(migration.version)).count();
    let known = |version: i64| ours.iter().any(|migration| migration.version == version);
    (missing, applied.iter().filter(|(version, _)| !known(*version)).count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::SeededEntropy,
        store::{Options, Store},
    };

    #[tokio::test]
    async fn a_database_that_is_not_there_is_not_made() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("calhub.db");
        assert_eq!(examine(&format!("sqlite:{}", file.display())).await.unwrap(), None);
        assert!(!file.exists());
    }

    #[tokio::test]
    async fn a_migrated_database_lacks_nothing_also_while_a_hub_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("calhub.db").display());
        let store = Store::open(&url, &Options::default(), &SeededEntropy::new(1)).await.unwrap();
        let found = examine(&url).await.unwrap().unwrap();
        assert_eq!((found.engine, found.missing, found.unknown), (Engine::Sqlite, 0, 0));
        assert!(found.version.starts_with("SQLite 3."));
        store.close().await;
        assert_eq!(examine(&url).await.unwrap().unwrap().missing, 0);
    }
}
