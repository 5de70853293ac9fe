//! Keeping what a live check has found: the connection, its login and token, and its calendars.

use serde_json::{Value, json};

use super::{LinkError, LinkRequest, LinkUpdate, Linked, Linker, check::Checked};
use crate::{
    audit::Verb,
    drill::{Point, reach},
    model::{
        ids::{ConnectionId, TenantId},
        states::{Access, ConnectionState, Provider},
    },
    store::{ConnectionRow, Tx},
    sync::{
        Lane, Wakes, kept_token, login_place,
        schedule::{LIST_EVERY, next_poll},
        timeline::Happened,
    },
};

impl Linker {
    /// Keeps the access token that came with a grant.
    pub(super) async fn keep_token(
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
        let given = checked.is_given.then(|| engine.clock.now());
        Ok(tx.grants().put(tenant, connection, &token, given).await?)
    }

    /// Keeps an account as its own connection, or in the one that it has already.
    pub(super) async fn keep(
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
    pub(super) async fn store_calendars(
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
    pub(super) async fn begin_syncing(
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
}

fn usual_access(provider: Provider) -> Access {
    match provider {
        Provider::Ics => Access::Read,
        Provider::Caldav | Provider::Google | Provider::Microsoft => Access::ReadWrite,
    }
}
