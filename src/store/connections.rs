//! Authorised logins, with their secrets sealed.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    Sealed, Tx,
    columns::{Columns, Stored},
    error::Result,
};
use crate::model::{
    ids::{ConnectionId, TenantId},
    states::{Access, ConnectionState, Provider},
};

/// One connection.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectionRow {
    pub tenant_id: TenantId,
    pub connection_id: ConnectionId,
    pub provider: Provider,
    /// Which account this is. Must hold no secret: for a feed, a hash of its address.
    pub identity: String,
    pub account_label: String,
    pub external_id: Option<String>,
    pub access: Access,
    pub state: ConnectionState,
    /// Everything needed to sign in, sealed for (tenant, connection, `login`).
    pub login: Sealed,
    /// What the connector learned about the server.
    pub learned: Value,
    pub metadata: Value,
    pub last_ok_at: Option<Timestamp>,
    pub last_error: Option<String>,
    pub failures: i64,
    /// Counts the changes that a caller made; what the hub notes about its health does not move it.
    pub revision: i64,
    pub created_at: Timestamp,
    pub touched_at: Timestamp,
}

impl Stored for ConnectionRow {
    const TABLE: &'static str = "connections";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            tenant_id: columns.get("tenant_id")?,
            connection_id: columns.get("connection_id")?,
            provider: columns.get("provider")?,
            identity: columns.get("identity")?,
            account_label: columns.get("account_label")?,
            external_id: columns.get("external_id")?,
            access: columns.get("access")?,
            state: columns.get("state")?,
            login: columns.get("login")?,
            learned: columns.get("learned")?,
            metadata: columns.get("metadata")?,
            last_ok_at: columns.get("last_ok_us")?,
            last_error: columns.get("last_error")?,
            failures: columns.get("failures")?,
            revision: columns.get("revision")?,
            created_at: columns.get("created_us")?,
            touched_at: columns.get("touched_us")?,
        })
    }
}

/// Which connections to list, by id.
#[derive(Clone, Debug, Default)]
pub struct ConnectionFilter {
    pub state: Option<ConnectionState>,
    pub provider: Option<Provider>,
    pub external_id: Option<String>,
    pub after: Option<ConnectionId>,
    pub limit: i64,
}

/// What a call to the provider showed about a connection.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectionHealth {
    pub state: ConnectionState,
    /// Kept as it was when `None`.
    pub last_ok_at: Option<Timestamp>,
    pub last_error: Option<String>,
    pub failures: i64,
    /// Kept as it was when `None`.
    pub learned: Option<Value>,
}

/// Statements on connections.
#[derive(Debug)]
pub struct Connections<'t>(&'t mut Tx);

impl Tx {
    pub fn connections(&mut self) -> Connections<'_> {
        Connections(self)
    }
}

impl Connections<'_> {
    /// # Errors
    ///
    /// `Conflict` with `CONNECTION_IDENTITY` or `CONNECTION_EXTERNAL_ID` of [`rules`](super::rules).
    pub async fn insert(&mut self, row: &ConnectionRow) -> Result<()> {
        let args = [
            (&row.tenant_id).into(),
            (&row.connection_id).into(),
            (&row.provider).into(),
            (&row.identity).into(),
            (&row.account_label).into(),
            row.external_id.as_deref().into(),
            (&row.access).into(),
            (&row.state).into(),
            (&row.login).into(),
            (&row.learned).into(),
            (&row.metadata).into(),
            row.last_ok_at.into(),
            row.last_error.as_deref().into(),
            row.failures.into(),
            row.revision.into(),
            row.created_at.into(),
            row.touched_at.into(),
        ];
        self.0.execute(include_str!("sql/connection_insert.sql"), &args).await?;
        Ok(())
    }

    pub async fn get(
        &mut self,
        tenant: &TenantId,
        connection: &ConnectionId,
    ) -> Result<Option<ConnectionRow>> {
        let args = [tenant.into(), connection.into()];
        self.0.optional(include_str!("sql/connection_get.sql"), &args).await
    }

    pub async fn list(
        &mut self,
        tenant: &TenantId,
        filter: &ConnectionFilter,
    ) -> Result<Vec<ConnectionRow>> {
        let args = [
            tenant.into(),
            filter.state.as_ref().into(),
            filter.provider.as_ref().into(),
            filter.external_id.as_deref().into(),
            filter.after.as_ref().into(),
            filter.limit.into(),
        ];
        self.0.all(include_str!("sql/connection_list.sql"), &args).await
    }

    pub async fn by_identity(
        &mut self,
        tenant: &TenantId,
        provider: Provider,
        identity: &str,
    ) -> Result<Option<ConnectionRow>> {
        let args = [tenant.into(), (&provider).into(), identity.into()];
        self.0.optional(include_str!("sql/connection_by_identity.sql"), &args).await
    }

    /// How many other tenants have linked the same account.
    pub async fn elsewhere(
        &mut self,
        tenant: &TenantId,
        provider: Provider,
        identity: &str,
    ) -> Result<i64> {
        let args = [tenant.into(), (&provider).into(), identity.into()];
        self.0.value(include_str!("sql/connection_elsewhere.sql"), &args).await
    }

    pub async fn by_external_id(
        &mut self,
        tenant: &TenantId,
        external_id: &str,
    ) -> Result<Option<ConnectionRow>> {
        let args = [tenant.into(), external_id.into()];
        self.0.optional(include_str!("sql/connection_by_external_id.sql"), &args).await
    }

    /// Stores what a caller may change (identity, label, external id, access, state, metadata; not the login) and
    /// answers the new revision; `None` when the row is gone or, with `expected`, was changed since.
    ///
    /// # Errors
    ///
    /// `Conflict` with `CONNECTION_IDENTITY` or `CONNECTION_EXTERNAL_ID` of [`rules`](super::rules).
    pub async fn update(
        &mut self,
        row: &ConnectionRow,
        expected: Option<i64>,
    ) -> Result<Option<i64>> {
        let args = [
            (&row.tenant_id).into(),
            (&row.connection_id).into(),
            expected.into(),
            (&row.account_label).into(),
            row.external_id.as_deref().into(),
            (&row.access).into(),
            (&row.state).into(),
            (&row.metadata).into(),
            row.touched_at.into(),
            (&row.identity).into(),
        ];
        self.0.optional_value(include_str!("sql/connection_update.sql"), &args).await
    }

    /// Stores another login. A statement of its own, so that no other change carries back an old one that was
    /// sealed anew meanwhile.
    pub async fn set_login(
        &mut self,
        tenant: &TenantId,
        connection: &ConnectionId,
        login: &Sealed,
    ) -> Result<bool> {
        let args = [tenant.into(), connection.into(), login.into()];
        Ok(self.0.execute(include_str!("sql/connection_set_login.sql"), &args).await? > 0)
    }

    /// As [`set_login`](Self::set_login), unless the login is another than `old` by now.
    pub async fn swap_login(
        &mut self,
        tenant: &TenantId,
        connection: &ConnectionId,
        old: &Sealed,
        new: &Sealed,
    ) -> Result<bool> {
        let args = [tenant.into(), connection.into(), old.into(), new.into()];
        Ok(self.0.execute(include_str!("sql/connection_swap_login.sql"), &args).await? > 0)
    }

    /// Notes a connection's health, unless it is being removed. Unchanged health writes nothing.
    pub async fn set_health(
        &mut self,
        tenant: &TenantId,
        connection: &ConnectionId,
        health: &ConnectionHealth,
        now: Timestamp,
    ) -> Result<bool> {
        let args = [
            tenant.into(),
            connection.into(),
            (&health.state).into(),
            health.last_ok_at.into(),
            health.last_error.as_deref().into(),
            health.failures.into(),
            health.learned.as_ref().into(),
            now.into(),
        ];
        Ok(self.0.execute(include_str!("sql/connection_set_health.sql"), &args).await? > 0)
    }

    /// Erases a connection with its calendars, events and busy time.
    pub async fn delete(&mut self, tenant: &TenantId, connection: &ConnectionId) -> Result<bool> {
        let args = [tenant.into(), connection.into()];
        Ok(self.0.execute(include_str!("sql/connection_delete.sql"), &args).await? > 0)
    }
}
