//! The one order in which transactions lock rows, so that no two of them ever wait for each other.
//!
//! On PostgreSQL a transaction that writes a row keeps others from writing it until it ends. What a transaction locks,
//! it locks in this order, and within each kind by id, ascending:
//!
//! 1. the lock of each resource of which time is taken or given back ([`Claims::lock_resources`](super::Claims::lock_resources)),
//! 2. the lock of each calendar ([`Calendars::lock`](super::Calendars::lock)), shared by those who claim
//!    ([`Claims::lock_calendars`](super::Claims::lock_calendars)),
//! 3. a booking, with its part of the outbox, its conflicts and its history
//!    ([`Bookings::lock`](super::Bookings::lock)),
//! 4. resources,
//! 5. calendars, and what is counted of them (`provider_requests`),
//! 6. the data key that seals a login,
//! 7. connections, then their grants, and their timelines,
//! 8. rows of due work: those of bookings, what compares calendars, those of connections, then what reads calendars; each by
//!    subject and lane,
//! 9. hosts.
//!
//! So what a round or a listing has learned is written first, then what becomes of the connection; what is due next
//! comes last. Rows that the transaction itself has made are nobody else's yet, and need no place in the order. A claim
//! takes rows of work in any order, because it waits for none (`SKIP LOCKED`).
//!
//! The statements here are for transactions that reach many rows by one statement, in whatever order that finds them:
//! the rows are locked before. SQLite has one writer, which waits for nobody: there they do nothing.

use jiff::Timestamp;

use super::{Tx, args::Arg, error::Result, tx::On};
use crate::model::ids::{ConnectionId, TenantId};

/// Statements that only lock.
#[derive(Debug)]
pub struct Locks<'t>(&'t mut Tx);

impl Tx {
    pub fn locks(&mut self) -> Locks<'_> {
        Locks(self)
    }
}

impl Locks<'_> {
    /// For a listing of a connection's calendars, which brings all of them up to date.
    pub async fn listed(&mut self, tenant: &TenantId, connection: &ConnectionId) -> Result<()> {
        let args = [tenant.into(), connection.into()];
        self.take(include_str!("sql/lock_listed.postgres.sql"), &args).await
    }

    /// For the end of a connection: the resources that know its calendars, and its calendars.
    pub async fn connection(&mut self, tenant: &TenantId, connection: &ConnectionId) -> Result<()> {
        let args = [tenant.into(), connection.into()];
        self.take(include_str!("sql/lock_resources.postgres.sql"), &args).await?;
        self.take(include_str!("sql/lock_calendars.postgres.sql"), &args).await
    }

    /// For the end of a tenant.
    pub async fn tenant(&mut self, tenant: &TenantId) -> Result<()> {
        self.take(include_str!("sql/lock_bookings.postgres.sql"), &[tenant.into()]).await?;
        let args = [tenant.into(), None::<&str>.into()];
        self.take(include_str!("sql/lock_resources.postgres.sql"), &args).await?;
        self.take(include_str!("sql/lock_calendars.postgres.sql"), &args).await?;
        let args = [tenant.into()];
        self.take(include_str!("sql/lock_connections.postgres.sql"), &args).await?;
        self.take(include_str!("sql/lock_work.postgres.sql"), &args).await
    }

    /// For what a clock wrote that was ahead of ours: calendars touched later than `limit`, and their work.
    pub(super) async fn turned_back(&mut self, limit: Timestamp, now: Timestamp) -> Result<()> {
        self.take(include_str!("sql/lock_turned_back.postgres.sql"), &[limit.into()]).await?;
        let args = [now.into(), limit.into()];
        self.take(include_str!("sql/lock_turned_back_work.postgres.sql"), &args).await
    }

    async fn take(&mut self, sql: &'static str, args: &[Arg<'_>]) -> Result<()> {
        if let On::Postgres(_) = &self.0.on {
            self.0.execute(sql, args).await?;
        }
        Ok(())
    }
}
