//! Visits to the hosted page, and trips from it to a provider's consent page. Secrets are stored as hashes alone.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    Tx,
    columns::{Columns, Stored},
    error::Result,
};
use crate::model::{
    ids::{ConnectionId, LinkSessionId, ResourceId, TenantId},
    states::{Access, Provider},
};

/// One visit.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkSessionRow {
    pub tenant_id: TenantId,
    pub session_id: LinkSessionId,
    /// Of the secret in its address.
    pub hash: Vec<u8>,
    /// Of the cookie of the browser that opened it first.
    pub browser: Option<Vec<u8>>,
    pub mode: String,
    pub connection_id: Option<ConnectionId>,
    pub resource_id: Option<ResourceId>,
    pub asked: Value,
    pub actor: String,
    pub status: String,
    pub reason: Option<String>,
    /// The connection that was linked.
    pub linked: Option<ConnectionId>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

impl Stored for LinkSessionRow {
    const TABLE: &'static str = "link_sessions";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            tenant_id: columns.get("tenant_id")?,
            session_id: columns.get("session_id")?,
            hash: columns.get("hash")?,
            browser: columns.get("browser")?,
            mode: columns.get("mode")?,
            connection_id: columns.get("connection_id")?,
            resource_id: columns.get("resource_id")?,
            asked: columns.get("asked")?,
            actor: columns.get("actor")?,
            status: columns.get("status")?,
            reason: columns.get("reason")?,
            linked: columns.get("linked")?,
            created_at: columns.get("created_us")?,
            expires_at: columns.get("expires_us")?,
        })
    }
}

/// One trip to a consent page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthTripRow {
    pub tenant_id: TenantId,
    pub session_id: LinkSessionId,
    /// Of the `state` that travels along.
    pub hash: Vec<u8>,
    pub provider: Provider,
    pub client_id: String,
    pub redirect: String,
    pub access: Access,
    /// The connection to be linked again.
    pub connection_id: Option<ConnectionId>,
    pub expires_at: Timestamp,
}

impl Stored for OAuthTripRow {
    const TABLE: &'static str = "oauth_trips";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            tenant_id: columns.get("tenant_id")?,
            session_id: columns.get("session_id")?,
            hash: columns.get("hash")?,
            provider: columns.get("provider")?,
            client_id: columns.get("client_id")?,
            redirect: columns.get("redirect")?,
            access: columns.get("access")?,
            connection_id: columns.get("connection_id")?,
            expires_at: columns.get("expires_us")?,
        })
    }
}

/// Statements on link sessions.
#[derive(Debug)]
pub struct LinkSessions<'t>(&'t mut Tx);

impl Tx {
    pub fn link_sessions(&mut self) -> LinkSessions<'_> {
        LinkSessions(self)
    }
}

impl LinkSessions<'_> {
    pub async fn insert(&mut self, row: &LinkSessionRow) -> Result<()> {
        let args = [
            (&row.tenant_id).into(),
            (&row.session_id).into(),
            row.hash.as_slice().into(),
            row.browser.as_deref().into(),
            (&row.mode).into(),
            row.connection_id.as_ref().into(),
            row.resource_id.as_ref().into(),
            (&row.asked).into(),
            (&row.actor).into(),
            (&row.status).into(),
            row.reason.as_deref().into(),
            row.linked.as_ref().into(),
            row.created_at.into(),
            row.expires_at.into(),
        ];
        self.0.execute(include_str!("sql/link_session_insert.sql"), &args).await?;
        Ok(())
    }

    pub async fn get(
        &mut self,
        tenant: &TenantId,
        session: &LinkSessionId,
    ) -> Result<Option<LinkSessionRow>> {
        let args = [tenant.into(), session.into()];
        self.0.optional(include_str!("sql/link_session_get.sql"), &args).await
    }

    /// Lists a tenant's sessions in the order in which they were made.
    pub async fn list(
        &mut self,
        tenant: &TenantId,
        after: Option<&LinkSessionId>,
        limit: i64,
    ) -> Result<Vec<LinkSessionRow>> {
        let after = after.map(LinkSessionId::as_str).unwrap_or_default();
        let args = [tenant.into(), after.into(), limit.into()];
        self.0.all(include_str!("sql/link_session_list.sql"), &args).await
    }

    /// Finds the sessions of this id, of any tenant: the id and a cookie are all that a browser has.
    pub async fn by_id(&mut self, session: &LinkSessionId) -> Result<Vec<LinkSessionRow>> {
        self.0.all(include_str!("sql/link_session_by_id.sql"), &[session.into()]).await
    }

    /// Finds the sessions of this address, of any tenant.
    pub async fn by_hash(&mut self, hash: &[u8]) -> Result<Vec<LinkSessionRow>> {
        self.0.all(include_str!("sql/link_session_by_hash.sql"), &[hash.into()]).await
    }

    /// Ties a session to the browser that opens it; `false` when another one was first.
    pub async fn bind(
        &mut self,
        tenant: &TenantId,
        session: &LinkSessionId,
        browser: &[u8],
    ) -> Result<bool> {
        let args = [tenant.into(), session.into(), browser.into()];
        Ok(self.0.execute(include_str!("sql/link_session_bind.sql"), &args).await? > 0)
    }

    /// Notes how far it has come; `linked` stays as it was when `None`.
    pub async fn note(
        &mut self,
        tenant: &TenantId,
        session: &LinkSessionId,
        status: &str,
        reason: Option<&str>,
        linked: Option<&ConnectionId>,
    ) -> Result<()> {
        let args = [tenant.into(), session.into(), status.into(), reason.into(), linked.into()];
        self.0.execute(include_str!("sql/link_session_note.sql"), &args).await?;
        Ok(())
    }

    pub async fn delete(&mut self, tenant: &TenantId, session: &LinkSessionId) -> Result<()> {
        let args = [tenant.into(), session.into()];
        self.0.execute(include_str!("sql/link_session_delete.sql"), &args).await?;
        Ok(())
    }

    /// Forgets what sessions know of a connection, and of its person; who has one open is still led back.
    pub async fn erase(&mut self, tenant: &TenantId, connection: &ConnectionId) -> Result<()> {
        let args = [tenant.into(), connection.into()];
        let about: Vec<LinkSessionRow> =
            self.0.all(include_str!("sql/link_session_about.sql"), &args).await?;
        for mut row in about {
            if let Value::Object(asked) = &mut row.asked {
                for personal in ["login_hint", "external_id"] {
                    asked.insert(personal.to_owned(), Value::Null);
                }
            }
            let args = [tenant.into(), (&row.session_id).into(), (&row.asked).into()];
            self.0.execute(include_str!("sql/link_session_blank.sql"), &args).await?;
        }
        Ok(())
    }

    /// Forgets sessions that ended before then, with their trips.
    pub async fn forget(&mut self, before: Timestamp) -> Result<u64> {
        self.0.execute(include_str!("sql/link_session_forget.sql"), &[before.into()]).await
    }

    /// Notes a trip; one that the same visit began before is good no more.
    pub async fn begin_trip(&mut self, row: &OAuthTripRow) -> Result<()> {
        let args = [(&row.tenant_id).into(), (&row.session_id).into()];
        self.0.execute(include_str!("sql/oauth_trip_end.sql"), &args).await?;
        let args = [
            (&row.tenant_id).into(),
            (&row.session_id).into(),
            row.hash.as_slice().into(),
            (&row.provider).into(),
            (&row.client_id).into(),
            (&row.redirect).into(),
            (&row.access).into(),
            row.connection_id.as_ref().into(),
            row.expires_at.into(),
        ];
        self.0.execute(include_str!("sql/oauth_trip_insert.sql"), &args).await?;
        Ok(())
    }

    /// Takes the trips of this state, of any tenant: nobody takes them again.
    pub async fn take_trips(&mut self, hash: &[u8]) -> Result<Vec<OAuthTripRow>> {
        self.0.all(include_str!("sql/oauth_trip_take.sql"), &[hash.into()]).await
    }
}
