//! The use cases: link, update, remove.

use std::sync::Arc;

use connectors::oauth::{Granted, Realm};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{
    LinkError,
    check::Checked,
    logins::{merged, whole},
};
use crate::{
    audit::{Act, By, Verb},
    drill::{Point, reach},
    model::{
        ids::{ConnectionId, TenantId},
        states::{Access, ConnectionState, Provider},
    },
    secrets::SecretsError,
    store::{ConnectionRow, NewChange, StoreError, Tx},
    sync::{Engine, Lane, Login, Removal, SyncError, Wakes, login_place, timeline::Happened},
};

/// An account to be linked.
#[derive(Clone, Debug)]
pub struct LinkRequest {
    pub login: Login,
    /// `None`: what the provider allows, or, for an account that is linked already, what it has.
    pub access: Option<Access>,
    pub external_id: Option<String>,
    pub metadata: Option<Value>,
}

/// What became of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    pub connection_id: ConnectionId,
    /// `false` when the account was linked already; its login is the new one now.
    pub created: bool,
}

/// What to change of a connection; `None` keeps.
#[derive(Clone, Debug, Default)]
pub struct LinkUpdate {
    pub url: Option<SecretString>,
    pub username: Option<String>,
    pub password: Option<SecretString>,
    pub access: Option<Access>,
    pub external_id: Option<Option<String>>,
    pub metadata: Option<Value>,
    /// Of a grant that was made elsewhere.
    pub refresh_token: Option<SecretString>,
    /// A grant that was given just now.
    pub grant: Option<NewGrant>,
}

/// A grant to one of the OAuth clients, and what came with it.
#[derive(Clone, Debug)]
pub struct NewGrant {
    pub login: Login,
    pub granted: Granted,
}

/// Connects, relinks and removes accounts.
#[derive(Clone, Debug)]
pub struct Linker {
    pub(super) engine: Arc<Engine>,
    pub(super) by: By,
}

impl Linker {
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine, by: By::hub() }
    }

    /// The same on somebody's behalf, as the audit log tells it.
    #[must_use]
    pub fn acting(&self, by: By) -> Self {
        Self { by, ..self.clone() }
    }

    pub(super) async fn note(
        &self,
        tx: &mut Tx,
        (tenant, connection): (&TenantId, &ConnectionId),
        verb: Verb,
        detail: Value,
    ) -> Result<(), StoreError> {
        let act = Act::on(tenant, verb, connection.as_str()).with(detail);
        self.engine.audit.note(tx, &self.by, act).await
    }

    /// Links an account after a live check, or refreshes the connection that it has already; its
    /// calendars are listed with it and their first pulls are due at once.
    ///
    /// # Errors
    ///
    /// [`LinkError::Refused`] with the diagnosis when the live check fails.
    pub async fn link(&self, tenant: &TenantId, asked: LinkRequest) -> Result<Linked, LinkError> {
        self.link_granted(tenant, asked, None).await
    }

    /// The same with what came with a grant that was given just now.
    ///
    /// # Errors
    ///
    /// As [`link`](Self::link).
    pub async fn link_granted(
        &self,
        tenant: &TenantId,
        mut asked: LinkRequest,
        granted: Option<Granted>,
    ) -> Result<Linked, LinkError> {
        let checked = {
            let is_access_asked = asked.access.is_some();
            self.check(tenant, None, &asked.login, granted, Value::Null, is_access_asked).await?
        };
        if let Login::OAuth(grant) = &checked.login {
            asked.access = Some(grant.access);
        }
        reach(Point::LinkChecked).await;
        match self.keep(tenant, &asked, &checked).await {
            // Somebody linked the same account between our look and our insert.
            Err(LinkError::DifferentAccount) => self.keep(tenant, &asked, &checked).await,
            outcome => outcome,
        }
    }

    /// Looks at an account as [`link`](Self::link) does, and keeps nothing. Answers the connection that it has already.
    ///
    /// # Errors
    ///
    /// [`LinkError::Refused`] with the diagnosis when the live check fails.
    pub async fn rehearse(
        &self,
        tenant: &TenantId,
        asked: &LinkRequest,
    ) -> Result<Option<ConnectionId>, LinkError> {
        let is_access_asked = asked.access.is_some();
        let checked =
            self.check(tenant, None, &asked.login, None, Value::Null, is_access_asked).await?;
        let mut tx = self.engine.store.read().await?;
        let (provider, identity) = (asked.login.provider(), &checked.account.identity);
        let found = tx.connections().by_identity(tenant, provider, identity).await?;
        Ok(found.map(|row| row.connection_id))
    }

    /// The OAuth client that a tenant's grants are given to, or the one that is named: its id, and where it is registered.
    ///
    /// # Errors
    ///
    /// [`connectors::Kind::WrongClient`] when there is none.
    pub async fn client(
        &self,
        tenant: &TenantId,
        provider: Provider,
        client_id: Option<&str>,
    ) -> Result<(String, Realm), LinkError> {
        let mut tx = self.engine.store.read().await?;
        let app = self.engine.wallet.app(&mut tx, tenant, provider, client_id).await?;
        Ok((app.client_id, app.realm))
    }

    /// Changes a connection; a new login is checked live and must be the same account's. The connection
    /// and its calendars keep their ids. `expected` is the revision that the caller has seen.
    ///
    /// # Errors
    ///
    /// [`LinkError::DifferentAccount`], [`LinkError::Stale`], or the diagnosis of the live check.
    pub async fn update(
        &self,
        tenant: &TenantId,
        connection: &ConnectionId,
        update: LinkUpdate,
        expected: Option<i64>,
    ) -> Result<(), LinkError> {
        let engine = &self.engine;
        let mut tx = engine.store.read().await?;
        let row = tx.connections().get(tenant, connection).await?.ok_or(LinkError::NotFound)?;
        let old = match engine.open_login(&mut tx, &row).await {
            Ok(old) => Some(old),
            Err(SyncError::Secrets(SecretsError::Tampered)) => None,
            Err(error) => return Err(error.into()),
        };
        drop(tx);
        let (new, granted) = match (&update.grant, &old) {
            (Some(grant), _) if grant.login.provider() != row.provider => {
                return Err(LinkError::DifferentAccount);
            }
            (Some(grant), _) => (Some(grant.login.clone()), Some(grant.granted.clone())),
            (None, Some(old)) => (merged(old, &update)?, None),
            (None, None) => (whole(row.provider, &update)?, None),
        };
        let checked = match &new {
            Some(login) => {
                let learned = row.learned.clone();
                Some(self.check(tenant, Some(connection), login, granted, learned, true).await?)
            }
            None => None,
        };
        let mut tx = engine.store.begin().await?;
        let mut row = tx.connections().get(tenant, connection).await?.ok_or(LinkError::NotFound)?;
        let mut wakes = Wakes::default();
        if let Some(checked) = &checked {
            self.same_account(&mut row, old.as_ref(), new.as_ref(), checked)?;
            wakes = self.store_calendars(&mut tx, tenant, connection, checked).await?;
        }
        let login = checked.as_ref().map(|checked| &checked.login);
        self.renew(&mut tx, row, login, &update, expected).await?;
        if let Some(checked) = &checked {
            self.keep_token(&mut tx, tenant, connection, checked).await?;
            let linked = Happened::Linked { is_new: false };
            engine.tell_of_connection(&mut tx, tenant, connection, linked).await?;
            self.begin_syncing(&mut tx, tenant, connection, checked, wakes).await?;
        }
        let told = json!({ "new_login": checked.is_some(), "access": update.access });
        self.note(&mut tx, (tenant, connection), Verb::ConnectionChanged, told).await?;
        tx.commit().await?;
        engine.ring();
        Ok(())
    }

    /// A feed is known by nothing but its address; a new one at the same host is taken as the same feed.
    fn same_account(
        &self,
        row: &mut ConnectionRow,
        old: Option<&Login>,
        new: Option<&Login>,
        checked: &Checked,
    ) -> Result<(), LinkError> {
        let is_moved_feed = old.is_some_and(|old| {
            matches!(old, Login::Ics { .. }) && new.is_some_and(|new| new.host() == old.host())
        });
        if row.identity != checked.account.identity && !is_moved_feed {
            return Err(LinkError::DifferentAccount);
        }
        row.identity.clone_from(&checked.account.identity);
        row.account_label.clone_from(&checked.account.label);
        Ok(())
    }

    pub(super) async fn renew(
        &self,
        tx: &mut Tx,
        mut row: ConnectionRow,
        login: Option<&Login>,
        update: &LinkUpdate,
        expected: Option<i64>,
    ) -> Result<ConnectionId, LinkError> {
        if row.state == ConnectionState::Removing {
            return Err(LinkError::Removing);
        }
        if let Some(login) = login {
            let place = login_place(&row.tenant_id, &row.connection_id);
            let login = self.engine.vault.seal(tx, place, &login.to_sealable()).await?;
            tx.connections().set_login(&row.tenant_id, &row.connection_id, &login).await?;
        }
        row.access = match login {
            Some(Login::OAuth(grant)) => grant.access,
            _ => update.access.unwrap_or(row.access),
        };
        if let Some(external_id) = &update.external_id {
            row.external_id.clone_from(external_id);
        }
        if let Some(metadata) = &update.metadata {
            row.metadata = metadata.clone();
        }
        row.touched_at = self.engine.clock.now();
        let stored = tx.connections().update(&row, expected).await?;
        stored.ok_or(LinkError::Stale)?;
        Ok(row.connection_id)
    }

    /// Begins to remove a connection: nothing is asked of it from now on, and everything stored of it is
    /// erased soon, after what `removal` asks for. `false` when there is none; removing twice is removing once.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn remove(
        &self,
        tenant: &TenantId,
        connection: &ConnectionId,
        removal: Removal,
    ) -> Result<bool, LinkError> {
        let engine = &self.engine;
        let now = engine.clock.now();
        let mut tx = engine.store.begin().await?;
        tx.locks().connection(tenant, connection).await?;
        let Some(mut row) = tx.connections().get(tenant, connection).await? else {
            return Ok(false);
        };
        if row.state != ConnectionState::Removing {
            let before = std::mem::replace(&mut row.state, ConnectionState::Removing);
            row.touched_at = now;
            tx.connections().update(&row, None).await?;
            // Nothing more is written there from now on.
            tx.resources().stop_writing_to(tenant, connection, now).await?;
            // Every hub's index reads the connection again for it, and its calendars turn unknown.
            tx.changes().append(&[self.removing(&row, before)]).await?;
        }
        let of = (tenant, connection);
        self.note(&mut tx, of, Verb::ConnectionUnlinked, json!(removal)).await?;
        // Said again, the later word counts.
        let (lane, demand) = (Lane::Remove.as_str(), json!(removal));
        tx.work().nudge(tenant, lane, connection.as_str(), Some(&demand), now).await?;
        reach(Point::RemovalWritten).await;
        tx.commit().await?;
        engine.ring();
        Ok(true)
    }

    fn removing(&self, row: &ConnectionRow, before: ConnectionState) -> NewChange {
        let id = row.connection_id.as_str();
        let body = json!({
            "connection_id": id,
            "external_id": row.external_id,
            "before": { "state": before },
            "after": { "state": row.state },
        });
        self.engine.change(&row.tenant_id, "connection.removing", id, id, body)
    }
}
