//! What a restore does to a database besides filling it.

use jiff::Timestamp;

use super::{Tx, error::Result, tx::On};

/// Counts the sessions of hubs.
pub(super) const HUB_SESSIONS: &str = include_str!("sql/hub_sessions.postgres.sql");

/// Statements of a restore.
#[derive(Debug)]
pub(super) struct Backups<'t>(&'t mut Tx);

impl Tx {
    pub(super) fn backups(&mut self) -> Backups<'_> {
        Backups(self)
    }
}

impl Backups<'_> {
    /// Keeps hubs from starting on the database until the transaction ends; SQLite's only writer does already.
    pub(super) async fn lock(&mut self) -> Result<()> {
        if let On::Postgres(_) = &self.0.on {
            self.0.execute(include_str!("sql/restore_lock.postgres.sql"), &[]).await?;
        }
        Ok(())
    }

    pub(super) async fn tenants(&mut self) -> Result<i64> {
        self.0.value(include_str!("sql/tenant_count.sql"), &[]).await
    }

    /// Takes back what was true only of the hub that was backed up.
    pub(super) async fn settle(&mut self, now: Timestamp) -> Result<()> {
        // Nothing vouches for a calendar until it was read again: 0 s is what its age is measured against.
        self.0.execute(include_str!("sql/restore_calendars.sql"), &[now.into()]).await?;
        // What was opened since is not known here, and what is known may be closed: all are opened anew.
        self.0.execute(include_str!("sql/restore_channels.sql"), &[]).await?;
        self.0.execute(include_str!("sql/restore_work.sql"), &[now.into()]).await?;
        // A request that ran has no answer to be repeated; those that ended have, and their effects are here.
        self.0.execute(include_str!("sql/restore_idempotency.sql"), &[]).await?;
        Ok(())
    }
}
