//! Looking at a database without changing it, for `calhub doctor`.

use std::{path::Path, str::FromStr, time::Duration};

use jiff::Timestamp;
use sqlx::{
    ConnectOptions, Connection, PgConnection, SqliteConnection, migrate::Migrator,
    postgres::PgConnectOptions, sqlite::SqliteConnectOptions,
};

use super::{
    Engine, StoreError,
    error::Result,
    open::{POSTGRES_MIGRATIONS, SQLITE_MIGRATIONS, unfit_server},
};

const PATIENCE: Duration = Duration::from_secs(5);

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
    /// Whether it holds data keys, which only the right key file opens.
    pub is_sealed: bool,
    /// The database's clock, where it has one of its own.
    pub now: Option<Timestamp>,
}

/// Looks at the database of `url`; `None` when there is none yet.
///
/// # Errors
///
/// [`StoreError`] when it does not answer, or is none that calhub can use.
pub async fn examine(url: &str) -> Result<Option<Examination>> {
    let looking = async {
        if url.starts_with("sqlite:") {
            examine_sqlite(url).await
        } else {
            examine_postgres(url).await.map(Some)
        }
    };
    match tokio::time::timeout(PATIENCE, looking).await {
        Ok(found) => found,
        Err(_) => Err(StoreError::Unavailable(sqlx::Error::PoolTimedOut)),
    }
}

async fn examine_sqlite(url: &str) -> Result<Option<Examination>> {
    let options = SqliteConnectOptions::from_str(url)
        .map_err(|_| StoreError::Refused("the SQLite URL cannot be read".to_owned()))?;
    if !Path::new(options.get_filename()).exists() {
        return Ok(None);
    }
    let mut connection: SqliteConnection = options.read_only(true).connect().await?;
    let version: String = sqlx::query_scalar(include_str!("sql/version.sqlite.sql"))
        .fetch_one(&mut connection)
        .await?;
    let applied: Vec<(i64, bool)> = sqlx::query_as(include_str!("sql/migrations_applied.sql"))
        .fetch_all(&mut connection)
        .await
        .unwrap_or_default();
    let keys: Option<i64> = sqlx::query_scalar(include_str!("sql/data_keys_count.sql"))
        .fetch_one(&mut connection)
        .await
        .ok();
    connection.close().await?;
    let is_sealed = keys.is_some_and(|keys| keys > 0);
    let (missing, unknown) = compare(&SQLITE_MIGRATIONS, &applied);
    let version = format!("SQLite {version}");
    Ok(Some(Examination {
        engine: Engine::Sqlite,
        version,
        missing,
        unknown,
        is_sealed,
        now: None,
    }))
}

async fn examine_postgres(url: &str) -> Result<Examination> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| StoreError::Refused("the PostgreSQL URL cannot be read".to_owned()))?;
    let mut connection: PgConnection = options.application_name("calhub doctor").connect().await?;
    let version: String = sqlx::query_scalar(include_str!("sql/version.postgres.sql"))
        .fetch_one(&mut connection)
        .await?;
    if let Some(why) = unfit_server(&version) {
        return Err(StoreError::Refused(why));
    }
    let applied: Vec<(i64, bool)> = sqlx::query_as(include_str!("sql/migrations_applied.sql"))
        .fetch_all(&mut connection)
        .await
        .unwrap_or_default();
    let keys: Option<i64> = sqlx::query_scalar(include_str!("sql/data_keys_count.sql"))
        .fetch_one(&mut connection)
        .await
        .ok();
    let is_sealed = keys.is_some_and(|keys| keys > 0);
    let now: i64 =
        sqlx::query_scalar(include_str!("sql/now.postgres.sql")).fetch_one(&mut connection).await?;
    connection.close().await?;
    let (missing, unknown) = compare(&POSTGRES_MIGRATIONS, &applied);
    let now = Timestamp::from_microsecond(now).ok();
    Ok(Examination { engine: Engine::Postgres, version, missing, unknown, is_sealed, now })
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
