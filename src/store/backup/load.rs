//! Putting a backup into a database, all of it or nothing.

use jiff::Timestamp;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::{
    super::{
        Options, Store, StoreError, Tx,
        open::postgres_options,
        restored::HUB_SESSIONS,
        tables::{Column, Kind, TABLES, postgres_columns, sqlite_columns},
        tx::On,
    },
    Backup, Result, Summary, TableHeader, Told, refused,
};
use crate::{
    clock::Entropy,
    drill::{Point, reach},
};

/// Instance facts that the restored database makes anew: the life of its change log.
const LOG_FACTS: &str = "changes.";

/// Puts a backup into the database of `store`, in one transaction: until it has ended, and if it fails, the
/// database is what it was. Without `replace` only an empty one is taken.
///
/// The change log begins a new epoch, so that every cursor is expired. No calendar counts as fresh until it was
/// read again, which is due at once and from the beginning. Claims and running requests of the hub that was
/// backed up are forgotten.
///
/// # Errors
///
/// When the database is not empty, or the backup has columns or migrations that this program does not know.
pub async fn restore(
    store: &Store,
    backup: &Backup,
    replace: bool,
    entropy: &dyn Entropy,
    now: Timestamp,
    told: Told<'_>,
) -> Result<Summary> {
    let mut tx = store.begin().await?;
    tx.backups().lock().await?;
    if tx.backups().tenants().await? > 0 {
        if !replace {
            return refused(
                "the database is not empty; --replace puts the backup in place of all that it holds",
            );
        }
        clear(&mut tx).await?;
    }
    let mut summary =
        Summary { bytes: backup.bytes, sha256: backup.sha256.clone(), ..Summary::default() };
    let statements = statements(&mut tx, backup).await?;
    let mut chunks = backup.chunks()?;
    while let Some(chunk) = chunks.next()? {
        let known = backup.header.tables.get(chunk.t).zip(statements.get(chunk.t));
        let Some((table, sql)) = known else { return refused("the backup names no such table") };
        let rows = kept(table, chunk.rows);
        run(&mut tx, sql, Some(&Value::Array(rows.clone()).to_string())).await?;
        let count = summary.rows.entry(table.name.clone()).or_default();
        *count += rows.len() as u64;
        told(&table.name, *count);
    }
    tx.backups().settle(now).await?;
    tx.changes().renew_epoch(entropy).await?;
    reach(Point::RestoreWritten).await;
    tx.commit().await?;
    Ok(summary)
}

/// Refuses while a hub runs on a PostgreSQL database. SQLite's file lock does that by itself.
///
/// # Errors
///
/// When somebody serves it, or it does not answer.
async fn refuse_if_served(url: &str) -> Result<(), StoreError> {
    let options = postgres_options(url)
        .map_err(|_| StoreError::Refused("the PostgreSQL URL cannot be read".to_owned()))?;
    let mut conn = PgConnection::connect_with(&options.application_name("calhub restore")).await?;
    let hubs: i64 = sqlx::query_scalar(HUB_SESSIONS).fetch_one(&mut conn).await?;
    conn.close().await?;
    if hubs > 0 {
        let why = "a hub is running on this database; stop every hub of it first";
        return Err(StoreError::Refused(why.to_owned()));
    }
    Ok(())
}

async fn clear(tx: &mut Tx) -> Result<(), StoreError> {
    for table in TABLES.iter().rev() {
        run(tx, &format!("DELETE FROM \"{table}\""), None).await?;
    }
    Ok(())
}

/// One statement a table of the backup.
async fn statements(tx: &mut Tx, backup: &Backup) -> Result<Vec<String>> {
    let mut statements = Vec::new();
    for table in &backup.header.tables {
        let ours = columns(tx, &table.name).await?;
        let unknown = table.columns.iter().find(|column| !ours.contains(column));
        if unknown.is_some() || !TABLES.contains(&table.name.as_str()) {
            return refused(format!(
                "the backup was made by calhub {}, whose {} this one ({}) does not know; restore with that version",
                backup.header.calhub,
                table.name,
                env!("CARGO_PKG_VERSION"),
            ));
        }
        statements.push(text(tx, table));
    }
    Ok(statements)
}

async fn columns(tx: &mut Tx, table: &str) -> Result<Vec<Column>, StoreError> {
    match &mut tx.on {
        On::Sqlite(conn) => sqlite_columns(conn, table).await,
        // Both kinds of integer are written alike, and SQLite's small ones are small here.
        On::Postgres(conn) => postgres_columns(conn, table).await,
    }
}

/// Stores a JSON array of rows in its order.
fn text(tx: &Tx, table: &TableHeader) -> String {
    let names: Vec<String> = table.columns.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    let is_sqlite = matches!(tx.on, On::Sqlite(_));
    let values = table.columns.iter().enumerate().map(|(at, (_, kind))| {
        let value = format!("value ->> {at}");
        match (kind, is_sqlite) {
            (Kind::Bytes, true) => format!("unhex({value})"),
            (Kind::Bytes, false) => format!("decode({value}, 'hex')"),
            (_, true) | (Kind::Text, false) => value,
            (Kind::Int, false) => format!("({value})::bigint"),
            (Kind::SmallInt, false) => format!("({value})::smallint"),
            (Kind::Bool, false) => format!("({value})::boolean"),
        }
    });
    let (values, names) = (values.collect::<Vec<_>>().join(", "), names.join(", "));
    let source = if is_sqlite {
        "json_each($1) ORDER BY key"
    } else {
        "jsonb_array_elements($1::jsonb) WITH ORDINALITY AS row (value, place) ORDER BY place"
    };
    format!("INSERT INTO \"{}\" ({names}) SELECT {values} FROM {source}", table.name)
}

fn kept(table: &TableHeader, rows: Vec<Value>) -> Vec<Value> {
    let is_log_fact = |row: &Value| {
        let name = table.columns.iter().position(|(column, _)| column == "name");
        let text = name.and_then(|at| row.get(at)?.as_str());
        table.name == "instance" && text.is_some_and(|text| text.starts_with(LOG_FACTS))
    };
    rows.into_iter().filter(|row| !is_log_fact(row)).collect()
}

async fn run(tx: &mut Tx, sql: &str, rows: Option<&str>) -> Result<(), StoreError> {
    let sql = AssertSqlSafe(sql.to_owned());
    match &mut tx.on {
        On::Sqlite(conn) => {
            let query = sqlx::query(sql);
            let query = if let Some(rows) = rows { query.bind(rows) } else { query };
            query.execute(&mut **conn).await?;
        }
        On::Postgres(conn) => {
            let query = sqlx::query(sql);
            let query = if let Some(rows) = rows { query.bind(rows) } else { query };
            query.execute(&mut **conn).await?;
        }
    }
    Ok(())
}

impl Store {
    /// Opens a database for a restore, and nobody else beside it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Refused`] while a hub runs on it.
    pub async fn open_alone(url: &str, entropy: &dyn Entropy) -> Result<Self, StoreError> {
        if !url.starts_with("sqlite:") {
            refuse_if_served(url).await?;
        }
        Self::open(url, &Options::default(), entropy).await
    }
}
