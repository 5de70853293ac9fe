//! Reading everything from one snapshot.

use std::{path::Path, str::FromStr};

use futures::TryStreamExt as _;
use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, PgConnection, Row, SqliteConnection,
    postgres::PgRow,
    sqlite::{SqliteConnectOptions, SqliteRow},
};

use super::{
    super::{
        StoreError,
        open::postgres_options,
        tables::{Column, Kind, TABLES, postgres_columns, sqlite_columns},
    },
    Chunk, FORM, Header, Result, Summary, TableHeader, Told,
    file::{Writer, hex},
    refused,
};
use crate::drill::{Point, reach};

/// Rows of a line, at most.
const ROWS: usize = 250;
/// A line ends after about so many bytes.
const BYTES: usize = 512 << 10;

/// A database, held in one state until it is dropped.
enum Source {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Copies the database of `url` into a file that only its owner may read, in the state of one instant, while
/// hubs go on using it. Without `replace` a file that is there is left alone.
///
/// # Errors
///
/// When there is no database, it cannot be read, or the file cannot be written; no file is left then.
pub async fn back_up(
    url: &str,
    path: &Path,
    replace: bool,
    now: Timestamp,
    told: Told<'_>,
) -> Result<Summary> {
    let mut source = Source::open(url).await?;
    let mut writer = Writer::create(path, replace)?;
    let mut tables = Vec::new();
    for &name in TABLES {
        tables.push(TableHeader { name: name.to_owned(), columns: source.columns(name).await? });
    }
    let schema = source.schema().await?;
    let header = Header {
        calhub_backup: FORM,
        made_at: now,
        calhub: env!("CARGO_PKG_VERSION").to_owned(),
        engine: source.name().to_owned(),
        schema,
        tables,
    };
    writer.header(&header)?;
    let mut summary = Summary::default();
    for (t, table) in header.tables.iter().enumerate() {
        let rows = source.copy(t, table, &mut writer, told).await?;
        summary.rows.insert(table.name.clone(), rows);
    }
    reach(Point::BackupWritten).await;
    writer.finish(&mut summary)?;
    Ok(summary)
}

impl Source {
    async fn open(url: &str) -> Result<Self> {
        if url.starts_with("sqlite:") { sqlite(url).await } else { postgres(url).await }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgres",
        }
    }

    async fn columns(&mut self, table: &str) -> Result<Vec<Column>, StoreError> {
        match self {
            Self::Sqlite(conn) => sqlite_columns(conn, table).await,
            Self::Postgres(conn) => postgres_columns(conn, table).await,
        }
    }

    async fn schema(&mut self) -> Result<Vec<i64>, StoreError> {
        let sql = include_str!("../sql/migrations_applied.sql");
        let applied: Vec<(i64, bool)> = match self {
            Self::Sqlite(conn) => sqlx::query_as(sql).fetch_all(conn).await?,
            Self::Postgres(conn) => sqlx::query_as(sql).fetch_all(conn).await?,
        };
        Ok(applied.into_iter().map(|(version, _)| version).collect())
    }

    async fn copy(
        &mut self,
        t: usize,
        table: &TableHeader,
        writer: &mut Writer,
        told: Told<'_>,
    ) -> Result<u64> {
        let sql = AssertSqlSafe(text(table));
        let mut sink =
            Sink { writer, told, table, chunk: Chunk { t, rows: Vec::new() }, size: 0, rows: 0 };
        match self {
            Self::Sqlite(conn) => {
                let mut rows = sqlx::query(sql).fetch(conn);
                while let Some(row) = rows.try_next().await.map_err(StoreError::from)? {
                    sink.take(sqlite_row(&row, &table.columns)?)?;
                }
            }
            Self::Postgres(conn) => {
                let mut rows = sqlx::query(sql).fetch(conn);
                while let Some(row) = rows.try_next().await.map_err(StoreError::from)? {
                    sink.take(postgres_row(&row, &table.columns)?)?;
                }
            }
        }
        sink.flush()?;
        Ok(sink.rows)
    }
}

/// All of a table; the change log in its order, which is what a restore numbers it by.
fn text(table: &TableHeader) -> String {
    let columns: Vec<String> =
        table.columns.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    let order = if table.name == "changes" { " ORDER BY txid, n" } else { "" };
    format!("SELECT {} FROM \"{}\"{order}", columns.join(", "), table.name)
}

async fn sqlite(url: &str) -> Result<Source> {
    let options = SqliteConnectOptions::from_str(url)
        .map_err(|_| StoreError::Refused("the SQLite URL cannot be read".to_owned()))?;
    let file = options.get_filename().to_owned();
    if !file.exists() {
        return refused(format!("there is no database at {}", file.display()));
    }
    let mut conn = options.read_only(true).connect().await.map_err(StoreError::from)?;
    sqlx::query("BEGIN").execute(&mut conn).await.map_err(StoreError::from)?;
    Ok(Source::Sqlite(conn))
}

async fn postgres(url: &str) -> Result<Source> {
    let options = postgres_options(url)
        .map_err(|_| StoreError::Refused("the PostgreSQL URL cannot be read".to_owned()))?;
    let options = options.application_name("calhub backup").statement_cache_capacity(0);
    let mut conn = options.connect().await.map_err(StoreError::from)?;
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    sqlx::query(begin).execute(&mut conn).await.map_err(StoreError::from)?;
    Ok(Source::Postgres(conn))
}

/// Gathers rows into lines.
struct Sink<'a, 't> {
    writer: &'a mut Writer,
    told: Told<'t>,
    table: &'a TableHeader,
    chunk: Chunk,
    size: usize,
    rows: u64,
}

impl Sink<'_, '_> {
    fn take(&mut self, (row, size): (Value, usize)) -> Result<()> {
        self.chunk.rows.push(row);
        self.size += size;
        self.rows += 1;
        if self.chunk.rows.len() >= ROWS || self.size >= BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        if self.chunk.rows.is_empty() {
            return Ok(());
        }
        self.writer.chunk(&self.chunk)?;
        self.chunk.rows.clear();
        self.size = 0;
        (self.told)(&self.table.name, self.rows);
        Ok(())
    }
}

macro_rules! row_reader {
    ($name:ident, $row:ty, $small:ty) => {
        /// A row as JSON, and about how large it is.
        fn $name(row: &$row, columns: &[Column]) -> Result<(Value, usize), StoreError> {
            let mut size = 0;
            let mut values = Vec::with_capacity(columns.len());
            for (at, (_, kind)) in columns.iter().enumerate() {
                let value = match kind {
                    Kind::Text => json!(row.try_get::<Option<String>, _>(at)?),
                    Kind::Int => json!(row.try_get::<Option<i64>, _>(at)?),
                    Kind::SmallInt => json!(row.try_get::<Option<$small>, _>(at)?),
                    Kind::Bool => json!(row.try_get::<Option<bool>, _>(at)?),
                    Kind::Bytes => json!(row.try_get::<Option<Vec<u8>>, _>(at)?.map(|b| hex(&b))),
                };
                size += value.as_str().map_or(8, str::len);
                values.push(value);
            }
            Ok((Value::Array(values), size))
        }
    };
}

row_reader!(sqlite_row, SqliteRow, i64);
row_reader!(postgres_row, PgRow, i16);
