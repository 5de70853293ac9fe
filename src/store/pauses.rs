//! What operators have stopped: reading or writing, at a provider, for a tenant or a connection.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Tx,
    columns::{Columns, Stored},
    error::{Result, StoreError},
    tx::Sql,
};
use crate::model::{
    ids::{ConnectionId, TenantId},
    states::Provider,
};

/// What is stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Every connection at a provider, whosesoever.
    Provider(Provider),
    /// Every connection of the tenant.
    Tenant(TenantId),
    Connection(TenantId, ConnectionId),
}

impl Target {
    /// The key of its row: empty, for what is no tenant's, and a word.
    fn key(&self) -> (&str, &str) {
        match self {
            Self::Provider(provider) => ("", provider.as_str()),
            Self::Tenant(tenant) => (tenant.as_str(), TENANT),
            Self::Connection(tenant, connection) => (tenant.as_str(), connection.as_str()),
        }
    }

    fn of_key(tenant: &str, word: &str) -> Option<Self> {
        if tenant.is_empty() {
            return Provider::parse(word).map(Self::Provider);
        }
        let tenant = tenant.parse().ok()?;
        if word == TENANT {
            return Some(Self::Tenant(tenant));
        }
        Some(Self::Connection(tenant, word.parse().ok()?))
    }
}

const TENANT: &str = "tenant";

/// Which of the two are stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paused {
    pub reads: bool,
    pub writes: bool,
}

impl Paused {
    pub fn is_any(self) -> bool {
        self.reads || self.writes
    }

    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { reads: self.reads || other.reads, writes: self.writes || other.writes }
    }

    /// What of this is meant by `other` too.
    #[must_use]
    pub fn within(self, other: Self) -> Self {
        Self { reads: self.reads && other.reads, writes: self.writes && other.writes }
    }

    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self { reads: self.reads && !other.reads, writes: self.writes && !other.writes }
    }
}

/// One pause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PauseRow {
    pub target: Target,
    pub paused: Paused,
    /// Who paused first.
    pub actor: String,
    pub since: Timestamp,
}

impl PauseRow {
    /// Whether it holds this connection back.
    pub fn concerns(&self, tenant: &TenantId, connection: &ConnectionId, at: Provider) -> bool {
        match &self.target {
            Target::Provider(provider) => *provider == at,
            Target::Tenant(whose) => whose == tenant,
            Target::Connection(whose, which) => whose == tenant && which == connection,
        }
    }
}

impl Stored for PauseRow {
    const TABLE: &'static str = "pauses";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        let (tenant, word): (String, String) = (columns.get("tenant_id")?, columns.get("target")?);
        let unknown = StoreError::Corrupt { table: Self::TABLE, column: "target" };
        Ok(Self {
            target: Target::of_key(&tenant, &word).ok_or(unknown)?,
            paused: Paused { reads: columns.get("reads")?, writes: columns.get("writes")? },
            actor: columns.get("actor")?,
            since: columns.get("since_us")?,
        })
    }
}

/// Statements on pauses.
#[derive(Debug)]
pub struct Pauses<'t>(&'t mut Tx);

impl Tx {
    pub fn pauses(&mut self) -> Pauses<'_> {
        Pauses(self)
    }
}

impl Pauses<'_> {
    pub async fn get(&mut self, target: &Target) -> Result<Option<PauseRow>> {
        let (tenant, word) = target.key();
        self.0.optional(include_str!("sql/pause_get.sql"), &[tenant.into(), word.into()]).await
    }

    /// Keeps a pause in place of what there is for its target.
    pub async fn put(&mut self, row: &PauseRow) -> Result<()> {
        let (tenant, word) = row.target.key();
        let args = [
            tenant.into(),
            word.into(),
            row.paused.reads.into(),
            row.paused.writes.into(),
            (&row.actor).into(),
            row.since.into(),
        ];
        self.0.execute(include_str!("sql/pause_put.sql"), &args).await?;
        Ok(())
    }

    pub async fn remove(&mut self, target: &Target) -> Result<()> {
        let (tenant, word) = target.key();
        self.0.execute(include_str!("sql/pause_remove.sql"), &[tenant.into(), word.into()]).await?;
        Ok(())
    }

    /// Keeps a connection as it is until the transaction ends; `false` when there is none.
    pub async fn lock_connection(
        &mut self,
        tenant: &TenantId,
        connection: &ConnectionId,
    ) -> Result<bool> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/pause_lock.sqlite.sql"),
            include_str!("sql/pause_lock.postgres.sql"),
        );
        let found: Option<String> =
            self.0.optional_value(SQL, &[tenant.into(), connection.into()]).await?;
        Ok(found.is_some())
    }

    /// Forgets a tenant's pauses.
    pub async fn erase(&mut self, tenant: &TenantId) -> Result<()> {
        self.0.execute(include_str!("sql/pause_erase.sql"), &[tenant.into()]).await?;
        Ok(())
    }

    /// What holds a tenant back: its own pauses, and those of providers.
    pub async fn of_tenant(&mut self, tenant: &TenantId) -> Result<Vec<PauseRow>> {
        self.0.all(include_str!("sql/pause_of_tenant.sql"), &[tenant.into()]).await
    }

    /// Everybody's.
    pub async fn all(&mut self) -> Result<Vec<PauseRow>> {
        self.0.all(include_str!("sql/pause_all.sql"), &[]).await
    }

    /// How a connection is held back.
    pub async fn on(
        &mut self,
        tenant: &TenantId,
        connection: &ConnectionId,
        provider: Provider,
    ) -> Result<Paused> {
        let args = [tenant.into(), (&provider).into(), connection.into()];
        let rows: Vec<PauseRow> = self.0.all(include_str!("sql/pause_on.sql"), &args).await?;
        Ok(rows.iter().fold(Paused::default(), |all, row| all.and(row.paused)))
    }

    /// Makes due at once what a target's connections have to do within `soon`; answers how much that was.
    pub async fn wake(
        &mut self,
        target: &Target,
        what: Paused,
        now: Timestamp,
        soon: Duration,
    ) -> Result<u64> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/pause_wake.sqlite.sql"),
            include_str!("sql/pause_wake.postgres.sql"),
        );
        let (tenant, connection, provider) = match target {
            Target::Provider(provider) => ("", "", provider.as_str()),
            Target::Tenant(tenant) => (tenant.as_str(), "", ""),
            Target::Connection(tenant, connection) => (tenant.as_str(), connection.as_str(), ""),
        };
        let until = now.saturating_add(soon).unwrap_or(Timestamp::MAX);
        let args = [
            tenant.into(),
            connection.into(),
            provider.into(),
            now.into(),
            until.into(),
            what.reads.into(),
            what.writes.into(),
        ];
        self.0.execute(SQL, &args).await
    }
}
