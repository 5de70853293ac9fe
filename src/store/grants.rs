//! Access tokens of connections, sealed, and who is getting another one.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Sealed, Tx,
    columns::{Columns, Stored},
    error::Result,
};
use crate::model::ids::{ConnectionId, TenantId};

/// What is known of a connection's grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantRow {
    /// Sealed for (tenant, connection, `grants.access_token`).
    pub access_token: Option<Sealed>,
    pub expires_at: Option<Timestamp>,
    pub renew_at: Option<Timestamp>,
    /// Space-separated, as granted; empty where nobody said.
    pub scope: String,
    pub lease_owner: Option<String>,
    pub lease_until: Option<Timestamp>,
    /// When somebody agreed to it on the hub's page; `None` for one from elsewhere.
    pub given_at: Option<Timestamp>,
    /// When it ends by itself, where the provider says so.
    pub ends_at: Option<Timestamp>,
    /// When the provider was heard to refuse it.
    pub ended_at: Option<Timestamp>,
}

impl Stored for GrantRow {
    const TABLE: &'static str = "grants";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            access_token: columns.get("access_token")?,
            expires_at: columns.get("expires_us")?,
            renew_at: columns.get("renew_us")?,
            scope: columns.get("scope")?,
            lease_owner: columns.get("lease_owner")?,
            lease_until: columns.get("lease_until_us")?,
            given_at: columns.get("given_us")?,
            ends_at: columns.get("ends_us")?,
            ended_at: columns.get("ended_us")?,
        })
    }
}

/// An access token to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    pub access_token: Sealed,
    pub expires_at: Timestamp,
    pub renew_at: Timestamp,
    /// As before when `None`.
    pub scope: Option<String>,
    /// When its grant ends by itself; as before when `None`.
    pub ends_at: Option<Timestamp>,
}

/// Statements on grants.
#[derive(Debug)]
pub struct Grants<'t>(&'t mut Tx);

impl Tx {
    pub fn grants(&mut self) -> Grants<'_> {
        Grants(self)
    }
}

impl Grants<'_> {
    pub async fn get(
        &mut self,
        tenant: &TenantId,
        connection: &ConnectionId,
    ) -> Result<Option<GrantRow>> {
        let args = [tenant.into(), connection.into()];
        self.0.optional(include_str!("sql/grant_get.sql"), &args).await
    }

    /// Keeps the token of a new grant, and when somebody agreed to it; whoever was getting one for the grant before is
    /// overtaken.
    pub async fn put(
        &mut self,
        tenant: &TenantId,
        connection: &ConnectionId,
        token: &NewToken,
        given: Option<Timestamp>,
    ) -> Result<()> {
        let args = [
            tenant.into(),
            connection.into(),
            (&token.access_token).into(),
            token.expires_at.into(),
            token.renew_at.into(),
            token.scope.as_deref().unwrap_or_default().into(),
            given.into(),
            token.ends_at.into(),
        ];
        self.0.execute(include_str!("sql/grant_put.sql"), &args).await?;
        Ok(())
    }

    /// Notes that the provider refuses the grant, forgets its access token, and gives the lease up; `false` when the
    /// lease was lost, and the grant may be another by now.
    pub async fn end(
        &mut self,
        tenant: &TenantId,
        connection: &ConnectionId,
        owner: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let args = [tenant.into(), connection.into(), owner.into(), now.into()];
        Ok(self.0.execute(include_str!("sql/grant_end.sql"), &args).await? > 0)
    }

    /// Takes the lease of whoever gets another token; `false` when somebody has it.
    pub async fn take(
        &mut self,
        tenant: &TenantId,
        connection: &ConnectionId,
        owner: &str,
        lease: Duration,
        now: Timestamp,
    ) -> Result<bool> {
        let until = now.saturating_add(lease).unwrap_or(Timestamp::MAX);
        let args = [tenant.into(), connection.into(), owner.into(), now.into(), until.into()];
        let taken: Option<String> =
            self.0.optional_value(include_str!("sql/grant_take.sql"), &args).await?;
        Ok(taken.is_some())
    }

    /// Keeps the token that the lease was taken for, and gives the lease up; `false` when it was lost.
    pub async fn finish(
        &mut self,
        tenant: &TenantId,
        connection: &ConnectionId,
        owner: &str,
        token: &NewToken,
    ) -> Result<bool> {
        let args = [
            tenant.into(),
            connection.into(),
            owner.into(),
            (&token.access_token).into(),
            token.expires_at.into(),
            token.renew_at.into(),
            token.scope.as_deref().into(),
            token.ends_at.into(),
        ];
        Ok(self.0.execute(include_str!("sql/grant_finish.sql"), &args).await? > 0)
    }

    /// Gives the lease up.
    pub async fn leave(
        &mut self,
        tenant: &TenantId,
        connection: &ConnectionId,
        owner: &str,
    ) -> Result<()> {
        let args = [tenant.into(), connection.into(), owner.into()];
        self.0.execute(include_str!("sql/grant_leave.sql"), &args).await?;
        Ok(())
    }
}
