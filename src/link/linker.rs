//! The use cases: link, update, remove.

use std::{sync::Arc, time::Duration};

use connectors::{
    Account, Connector, Kind, RemoteCalendar,
    oauth::{Granted, Tokens},
};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{
    LinkError,
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
    sync::{
        Engine, FreshGrant, Lane, Login, Pace, Removal, SyncError, Wakes, allowed_networks,
        kept_token, login_place, missing,
        schedule::{LIST_EVERY, next_poll},
        timeline::Happened,
        widest,
    },
};

/// How long a live check may take altogether.
const PATIENCE: Duration = Duration::from_secs(45);

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

/// A login that the provider has just accepted.
struct Checked {
    /// As it is to be kept: a refresh token may have changed.
    login: Login,
    connector: Arc<dyn Connector>,
    /// What a grant's access token is.
    granted: Option<Granted>,
    account: Account,
    calendars: Vec<RemoteCalendar>,
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

    async fn note(
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
        if let Login::Google { access, .. } = &checked.login {
            asked.access = Some(*access);
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

    /// The id of the OAuth client that a tenant's grants are given to, or of the one that is named.
    ///
    /// # Errors
    ///
    /// [`Kind::WrongClient`] when there is none.
    pub async fn client(
        &self,
        tenant: &TenantId,
        provider: Provider,
        client_id: Option<&str>,
    ) -> Result<String, LinkError> {
        let mut tx = self.engine.store.read().await?;
        Ok(self.engine.wallet.app(&mut tx, tenant, provider, client_id).await?.client_id)
    }

    async fn check(
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
        Ok(outcome?)
    }

    /// The grant behind a login, if it is one.
    async fn fresh_grant(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        login: &Login,
        granted: Option<Granted>,
    ) -> Result<Option<Arc<FreshGrant>>, LinkError> {
        let Login::Google { client_id, refresh_token, .. } = login else { return Ok(None) };
        let provider = login.provider();
        let app = self.engine.wallet.app(tx, tenant, provider, Some(client_id)).await?;
        let unknown = || Kind::WrongClient.error("this hub does not know the provider");
        let oauth = self.engine.connectors.oauth(provider).ok_or_else(unknown)?;
        let grant = FreshGrant::new(oauth.clone(), app, refresh_token.clone(), granted);
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
        if let (Login::Google { refresh_token, access, .. }, Some(granted)) = (&mut login, &granted)
        {
            // Where the provider does not say what was granted, its answers will.
            let scope = granted.scope.as_deref();
            if !is_access_asked && let Some(most) = scope.and_then(widest) {
                *access = most;
            }
            let lacks = scope.map(|scope| missing(scope, *access)).unwrap_or_default();
            if !lacks.is_empty() {
                let detail =
                    format!("the grant lacks what this access needs: {}", lacks.join(", "));
                return Err(Kind::MissingScope.error(detail));
            }
            if let Some(token) = &granted.refresh_token {
                refresh_token.clone_from(token);
            }
        }
        let tokens = grant.map(|grant| grant as Arc<dyn Tokens>);
        let connector = self.engine.connectors.connect(&login, learned, allow_net, tokens)?;
        let account = connector.account().await?;
        let calendars = connector.list_calendars().await?;
        Ok(Checked { login, connector, granted, account, calendars })
    }

    /// Keeps the access token that came with a grant.
    async fn keep_token(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        connection: &ConnectionId,
        checked: &Checked,
    ) -> Result<(), LinkError> {
        let Some(granted) = &checked.granted else { return Ok(()) };
        let engine = &self.engine;
        let parts = (&*engine.vault, &*engine.clock, &*engine.entropy);
        let token = kept_token(parts, tx, (tenant, connection), granted).await?;
        Ok(tx.grants().put(tenant, connection, &token).await?)
    }

    async fn keep(
        &self,
        tenant: &TenantId,
        asked: &LinkRequest,
        checked: &Checked,
    ) -> Result<Linked, LinkError> {
        let provider = asked.login.provider();
        let mut tx = self.engine.store.begin().await?;
        let identity = &checked.account.identity;
        let existing = tx.connections().by_identity(tenant, provider, identity).await?;
        let created = existing.is_none();
        let (connection_id, wakes) = match existing {
            Some(row) => {
                let update = LinkUpdate {
                    access: asked.access,
                    external_id: asked.external_id.clone().map(Some),
                    metadata: asked.metadata.clone(),
                    ..LinkUpdate::default()
                };
                let wakes =
                    self.store_calendars(&mut tx, tenant, &row.connection_id, checked).await?;
                (self.renew(&mut tx, row, Some(&checked.login), &update, None).await?, wakes)
            }
            None => {
                let made = self.insert(&mut tx, tenant, asked, checked).await?;
                let wakes = self.store_calendars(&mut tx, tenant, &made, checked).await?;
                (made, wakes)
            }
        };
        self.keep_token(&mut tx, tenant, &connection_id, checked).await?;
        let linked = Happened::Linked { is_new: created };
        self.engine.tell_of_connection(&mut tx, tenant, &connection_id, linked).await?;
        self.begin_syncing(&mut tx, tenant, &connection_id, checked, wakes).await?;
        let told = json!({ "provider": provider, "new": created });
        self.note(&mut tx, (tenant, &connection_id), Verb::ConnectionLinked, told).await?;
        reach(Point::LinkWritten).await;
        tx.commit().await?;
        reach(Point::LinkStored).await;
        self.engine.ring();
        tracing::info!(connection.id = %connection_id, provider = provider.as_str(), created, "Linked an account.");
        Ok(Linked { connection_id, created })
    }

    async fn insert(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        asked: &LinkRequest,
        checked: &Checked,
    ) -> Result<ConnectionId, LinkError> {
        let engine = &self.engine;
        let now = engine.clock.now();
        let connection_id = ConnectionId::mint(&*engine.clock, &*engine.entropy);
        let place = login_place(tenant, &connection_id);
        let login = engine.vault.seal(tx, place, &checked.login.to_sealable()).await?;
        let account = &checked.account;
        let row = ConnectionRow {
            tenant_id: tenant.clone(),
            connection_id: connection_id.clone(),
            provider: asked.login.provider(),
            identity: account.identity.clone(),
            account_label: account.label.clone(),
            external_id: asked.external_id.clone(),
            access: asked.access.unwrap_or(usual_access(asked.login.provider())),
            state: ConnectionState::Syncing,
            login,
            learned: Value::Null,
            metadata: asked.metadata.clone().unwrap_or_else(|| json!({})),
            last_ok_at: None,
            last_error: None,
            failures: 0,
            revision: 1,
            created_at: now,
            touched_at: now,
        };
        tx.connections().insert(&row).await?;
        Ok(connection_id)
    }

    /// Stores the listing that came with the check: before the connection is written, see `store/locks.rs`.
    async fn store_calendars(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        connection: &ConnectionId,
        checked: &Checked,
    ) -> Result<Wakes, LinkError> {
        let listing = checked.calendars.clone();
        let connector = &*checked.connector;
        Ok(self.engine.store_listing(tx, tenant, connection, connector, listing).await?)
    }

    /// Has everything read soon.
    async fn begin_syncing(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        connection: &ConnectionId,
        checked: &Checked,
        mut wakes: Wakes,
    ) -> Result<(), LinkError> {
        let engine = &self.engine;
        let now = engine.clock.now();
        engine.accepted(tx, tenant, connection, checked.connector.learned()).await?;
        let lane = Lane::List.as_str();
        let due = next_poll(now, LIST_EVERY, &*engine.entropy);
        tx.work().put(tenant, lane, connection.as_str(), due).await?;
        for calendar in tx.calendars().by_connection(tenant, connection).await? {
            wakes.add(&calendar, Lane::Pull);
        }
        Ok(engine.wake(tx, tenant, &wakes).await?)
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

    async fn renew(
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
            Some(Login::Google { access, .. }) => *access,
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

fn usual_access(provider: Provider) -> Access {
    match provider {
        Provider::Ics => Access::Read,
        Provider::Caldav | Provider::Google | Provider::Microsoft => Access::ReadWrite,
    }
}
