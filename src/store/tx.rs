//! A unit of work: reads and writes on one connection, ended by `commit`, undone by dropping it.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
};

use jiff::Timestamp;
use sqlx::{Database, Postgres, Sqlite, Transaction, pool::PoolConnection};
use tokio::sync::watch;

use super::{
    DataKeyRow, Epoch,
    args::Arg,
    columns::{Column, Columns, Stored},
    error::{Result, StoreError},
};
use crate::clock::Clock;

/// A transaction on either engine. Its families of statements are [`tenants`](Self::tenants) and the like; in which
/// order they may lock rows is said in `store/locks.rs`.
#[derive(Debug)]
pub struct Tx {
    pub(super) on: On,
    pub(super) epoch: Epoch,
    /// Rung by `commit` when entries were added to the change log.
    pub(super) bell: Arc<watch::Sender<u64>>,
    pub(super) told: bool,
    /// Whether statements stay prepared on the connection.
    pub(super) keeps_statements: bool,
    /// The data key that seals until the end of the transaction, once it was asked for.
    pub(super) data_key: Option<DataKeyRow>,
}

#[derive(Debug)]
pub(super) enum On {
    Sqlite(Conn<Sqlite>),
    Postgres(Conn<Postgres>),
}

/// A connection, for a transaction or for one statement, which is a transaction of its own.
#[derive(Debug)]
pub(super) enum Conn<DB: Database> {
    Whole(Transaction<'static, DB>),
    Glance(PoolConnection<DB>),
}

impl<DB: Database> Deref for Conn<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Whole(transaction) => transaction,
            Self::Glance(connection) => connection,
        }
    }
}

impl<DB: Database> DerefMut for Conn<DB> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match self {
            Self::Whole(transaction) => transaction,
            Self::Glance(connection) => connection,
        }
    }
}

impl<DB: Database> Conn<DB> {
    async fn commit(self) -> Result<()> {
        match self {
            Self::Whole(transaction) => Ok(transaction.commit().await?),
            Self::Glance(_) => Ok(()),
        }
    }

    async fn rollback(self) -> Result<()> {
        match self {
            Self::Whole(transaction) => Ok(transaction.rollback().await?),
            Self::Glance(_) => Ok(()),
        }
    }
}

/// The text of a statement, which may part by engine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sql {
    sqlite: &'static str,
    postgres: &'static str,
}

impl Sql {
    pub(super) const fn parted(sqlite: &'static str, postgres: &'static str) -> Self {
        Self { sqlite, postgres }
    }
}

impl From<&'static str> for Sql {
    fn from(text: &'static str) -> Self {
        Self { sqlite: text, postgres: text }
    }
}

/// Runs one statement on whichever engine: `$query` is bound, `$conn` executes, `$columns` wraps a row.
macro_rules! on_tx {
    ($tx:expr, $sql:expr, $args:expr, ($query:ident, $conn:ident, $columns:ident) => $body:expr) => {{
        let sql: Sql = $sql.into();
        match &mut $tx.on {
            On::Sqlite(transaction) => {
                let $columns = Columns::Sqlite;
                let $query = on_tx!(@bind sqlx::query(sql.sqlite), $args);
                let $conn = &mut **transaction;
                $body
            }
            On::Postgres(transaction) => {
                let $columns = Columns::Postgres;
                let query = sqlx::query(sql.postgres).persistent($tx.keeps_statements);
                let $query = on_tx!(@bind query, $args);
                let $conn = &mut **transaction;
                $body
            }
        }
    }};
    (@bind $query:expr, $args:expr) => {{
        let mut query = $query;
        for arg in $args {
            query = match arg {
                Arg::Text(text) => query.bind(text.as_deref()),
                Arg::Int(number) => query.bind(*number),
                Arg::Bytes(bytes) => query.bind(*bytes),
                Arg::Bool(flag) => query.bind(*flag),
            };
        }
        query
    }};
}

impl Tx {
    /// Makes everything done so far durable, then wakes the readers of the change log.
    pub async fn commit(self) -> Result<()> {
        match self.on {
            On::Sqlite(transaction) => transaction.commit().await?,
            On::Postgres(transaction) => transaction.commit().await?,
        }
        if self.told {
            self.bell.send_modify(|rung| *rung = rung.wrapping_add(1));
        }
        Ok(())
    }

    /// Undoes everything at once; dropping does the same a little later.
    pub async fn rollback(self) -> Result<()> {
        match self.on {
            On::Sqlite(transaction) => transaction.rollback().await?,
            On::Postgres(transaction) => transaction.rollback().await?,
        }
        Ok(())
    }

    /// Tells the time that decides inside this transaction: the database's on PostgreSQL, where several
    /// hubs meet; the given clock's on SQLite. Ask after taking a lock, not before.
    pub async fn now(&mut self, clock: &dyn Clock) -> Result<Timestamp> {
        match &self.on {
            On::Sqlite(_) => Ok(clock.now()),
            On::Postgres(_) => self.value(include_str!("sql/now.postgres.sql"), &[]).await,
        }
    }

    pub(super) async fn all<T: Stored>(
        &mut self,
        sql: impl Into<Sql>,
        args: &[Arg<'_>],
    ) -> Result<Vec<T>> {
        on_tx!(self, sql, args, (query, conn, columns) => {
            let rows = query.fetch_all(conn).await?;
            rows.iter().map(|row| T::read(&columns(T::TABLE, row))).collect()
        })
    }

    pub(super) async fn optional<T: Stored>(
        &mut self,
        sql: impl Into<Sql>,
        args: &[Arg<'_>],
    ) -> Result<Option<T>> {
        on_tx!(self, sql, args, (query, conn, columns) => {
            let row = query.fetch_optional(conn).await?;
            row.as_ref().map(|row| T::read(&columns(T::TABLE, row))).transpose()
        })
    }

    /// Reads the column `value` of the first row.
    pub(super) async fn optional_value<T: Column>(
        &mut self,
        sql: impl Into<Sql>,
        args: &[Arg<'_>],
    ) -> Result<Option<T>> {
        on_tx!(self, sql, args, (query, conn, columns) => {
            let row = query.fetch_optional(conn).await?;
            row.as_ref().map(|row| columns("result", row).get("value")).transpose()
        })
    }

    /// Reads the column `value` of the only row.
    pub(super) async fn value<T: Column>(
        &mut self,
        sql: impl Into<Sql>,
        args: &[Arg<'_>],
    ) -> Result<T> {
        let value = self.optional_value(sql, args).await?;
        value.ok_or(StoreError::Corrupt { table: "result", column: "value" })
    }

    /// Reads the column `value` of every row.
    pub(super) async fn values<T: Column>(
        &mut self,
        sql: impl Into<Sql>,
        args: &[Arg<'_>],
    ) -> Result<Vec<T>> {
        on_tx!(self, sql, args, (query, conn, columns) => {
            let rows = query.fetch_all(conn).await?;
            rows.iter().map(|row| columns("result", row).get("value")).collect()
        })
    }

    /// Writes, and tells how many rows that touched.
    pub(super) async fn execute(&mut self, sql: impl Into<Sql>, args: &[Arg<'_>]) -> Result<u64> {
        on_tx!(self, sql, args, (query, conn, _columns) => {
            Ok(query.execute(conn).await?.rows_affected())
        })
    }
}
