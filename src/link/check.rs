//! Asking a provider about a login, before any of it is kept.

use std::{sync::Arc, time::Duration};

use connectors::{
    Account, Connector, Kind, RemoteCalendar,
    oauth::{Granted, Tokens},
};
use serde_json::Value;

use super::{LinkError, Linker};
use crate::{
    model::ids::{ConnectionId, TenantId},
    store::Tx,
    sync::{FreshGrant, Login, Pace, SyncError, allowed_networks, missing, widest},
};

/// How long a live check may take altogether.
const PATIENCE: Duration = Duration::from_secs(45);

/// A login that the provider has just accepted.
pub(super) struct Checked {
    /// As it is to be kept: a refresh token may have changed.
    pub(super) login: Login,
    pub(super) connector: Arc<dyn Connector>,
    /// What a grant's access token is.
    pub(super) granted: Option<Granted>,
    /// Whether somebody agreed to it just now, on the hub's own page.
    pub(super) is_given: bool,
    pub(super) account: Account,
    pub(super) calendars: Vec<RemoteCalendar>,
}

impl Linker {
    /// Has the provider accept a login, within its pace and some time.
    ///
    /// # Errors
    ///
    /// [`LinkError::Refused`] with the diagnosis.
    pub(super) async fn check(
        &self,
        tenant: &TenantId,
        connection: Option<&ConnectionId>,
        login: &Login,
        granted: Option<Granted>,
        learned: Value,
        is_access_asked: bool,
    ) -> Result<Checked, LinkError> {
        let mut tx = self.engine.store.read().await?;
        self.engine.may_link(&mut tx, tenant, connection, login.provider()).await?;
        let allow_net = allowed_networks(&mut tx, tenant).await?;
        let known = match connection {
            Some(connection) => tx.connections().get(tenant, connection).await?,
            None => None,
        };
        let is_given = granted.is_some();
        let grant = self.fresh_grant(&mut tx, tenant, login, granted).await?;
        drop(tx);
        let looked =
            self.look(login.clone(), grant, allow_net.as_deref(), learned, is_access_asked);
        let late = |_| Kind::Timeout.error("the provider took too long");
        let pace: Pace = login.pace(known.as_ref().map(|row| &*row.identity));
        let live = self.engine.enter_live(&pace).await.map_err(|error| match error {
            SyncError::HostClosed(until) => LinkError::Refused(self.engine.told_to_wait(until)),
            error => error.into(),
        })?;
        let outcome = tokio::time::timeout(PATIENCE, looked).await.map_err(late).flatten();
        live.leave().await;
        if let Err(error) = &outcome {
            self.engine.obey(&pace, &error.kind).await?;
        }
        Ok(Checked { is_given, ..outcome? })
    }

    /// The grant behind a login, if it is one.
    async fn fresh_grant(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        login: &Login,
        granted: Option<Granted>,
    ) -> Result<Option<Arc<FreshGrant>>, LinkError> {
        let Login::OAuth(given) = login else { return Ok(None) };
        let (provider, client_id) = (given.provider, Some(given.client_id.as_str()));
        let app = self.engine.wallet.app(tx, tenant, provider, client_id).await?;
        let unknown = || Kind::WrongClient.error("this hub does not know the provider");
        let oauth = self.engine.connectors.oauth(provider, &given.realm).ok_or_else(unknown)?;
        let paced = (Arc::clone(&self.engine.wallet), login.pace(None));
        let grant = FreshGrant::new(paced, oauth, app, given.refresh_token.clone(), granted);
        Ok(Some(Arc::new(grant)))
    }

    /// Asks the provider whether a login works, who it is, and what there is.
    async fn look(
        &self,
        mut login: Login,
        grant: Option<Arc<FreshGrant>>,
        allow_net: Option<&[ipnet::IpNet]>,
        learned: Value,
        is_access_asked: bool,
    ) -> connectors::Result<Checked> {
        let granted = match &grant {
            Some(grant) => Some(grant.granted().await?),
            None => None,
        };
        if let (Login::OAuth(grant), Some(granted)) = (&mut login, &granted) {
            // Where the provider does not say what was granted, its answers will.
            let scope = granted.scope.as_deref();
            let most = scope.and_then(|scope| widest(grant.provider, scope));
            if !is_access_asked && let Some(most) = most {
                grant.access = most;
            }
            let (provider, access) = (grant.provider, grant.access);
            let lacks = scope.map(|scope| missing(provider, scope, access)).unwrap_or_default();
            if !lacks.is_empty() {
                let detail =
                    format!("the grant lacks what this access needs: {}", lacks.join(", "));
                return Err(Kind::MissingScope.error(detail));
            }
            if let Some(token) = &granted.refresh_token {
                grant.refresh_token.clone_from(token);
            }
        }
        let tokens = grant.map(|grant| grant as Arc<dyn Tokens>);
        let connector = self.engine.connectors.connect(&login, learned, allow_net, tokens)?;
        let account = connector.account().await?;
        let calendars = connector.list_calendars().await?;
        Ok(Checked { login, connector, granted, is_given: false, account, calendars })
    }
}
