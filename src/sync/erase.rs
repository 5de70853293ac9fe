//! The end of a connection: everything stored of it goes, in one transaction.

use std::time::Duration;

use connectors::oauth::OAuth;
use jiff::Timestamp;
use serde_json::json;

use super::{
    connect::{Grant, Login},
    engine::Engine,
    error::SyncError,
    lanes::Lane,
    schedule::after,
};
use crate::{
    drill::{Point, reach},
    model::ids::{ConnectionId, TenantId},
    store::{Target, WorkRow},
};

/// How often, and how far apart, a provider is asked to take a grant back.
const TRIES: i64 = 6;
const PAUSE: Duration = Duration::from_secs(20);

impl Engine {
    /// Gives a grant back to its provider while its token can still be read; answers when to try again. A provider that
    /// does not answer keeps nothing here from being erased for long.
    pub(super) async fn take_back(
        &self,
        claimed: &WorkRow,
        connection: &ConnectionId,
    ) -> Result<Option<Timestamp>, SyncError> {
        let tenant = &claimed.tenant_id;
        let mut tx = self.store.read().await?;
        let row = tx.connections().get(tenant, connection).await?.ok_or(SyncError::Gone)?;
        let login = match self.open_login(&mut tx, &row).await {
            Ok(login) => login,
            // Nobody can read it any more.
            Err(SyncError::Secrets(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let Login::OAuth(Grant { client_id, realm, refresh_token, .. }) = login else {
            return Ok(None);
        };
        let oauth = self.connectors.oauth(row.provider, &realm).filter(OAuth::revokes);
        let Some(oauth) = oauth else { return Ok(None) };
        // The provider takes back all that the account has granted to the client.
        let is_hubs =
            self.connectors.app(row.provider).is_some_and(|app| app.client_id == client_id);
        if is_hubs && tx.connections().elsewhere(tenant, row.provider, &row.identity).await? > 0 {
            return Ok(None);
        }
        drop(tx);
        if let Some(until) = self.wallet.closed_until(&client_id).await?
            && claimed.attempts < TRIES
        {
            return Ok(Some(until));
        }
        let Err(error) = oauth.revoke(&refresh_token).await else { return Ok(None) };
        if claimed.attempts >= TRIES {
            tracing::warn!(connection.id = %connection, %error, "A grant was not given back; it ends where it was given.");
            return Ok(None);
        }
        tracing::info!(connection.id = %connection, %error, "A grant could not be given back yet.");
        Ok(Some(after(self.clock.now(), PAUSE)))
    }

    /// Erases a connection that is being removed, with its calendars and their work. Tells how many events of ours
    /// were `left` there, although they were to be taken out.
    pub(super) async fn erase(
        &self,
        tenant: &TenantId,
        connection: &ConnectionId,
        left: usize,
        claimed: &WorkRow,
    ) -> Result<(), SyncError> {
        let mut tx = self.store.begin().await?;
        let row = tx.connections().get(tenant, connection).await?.ok_or(SyncError::Gone)?;
        let calendars = tx.calendars().by_connection(tenant, connection).await?;
        for calendar in &calendars {
            tx.calendars().lock(&calendar.calendar_id).await?;
        }
        tx.locks().connection(tenant, connection).await?;
        let actor = connection.as_str();
        let mut changes = Vec::new();
        let mut ids = vec![actor.to_owned()];
        for calendar in &calendars {
            let id = &calendar.calendar_id;
            ids.push(id.to_string());
            let resources = tx.calendars().resources_of_calendar(tenant, id).await?;
            let body = json!({
                "calendar_id": id, "connection_id": connection, "resources": resources,
            });
            changes.push(self.change(tenant, "calendar.removed", actor, id.as_str(), body));
        }
        let body = json!({
            "connection_id": connection, "external_id": row.external_id, "events_left": left,
        });
        changes.push(self.change(tenant, "connection.removed", actor, actor, body));
        tx.resources().stop_writing_to(tenant, connection, self.clock.now()).await?;
        let own: Vec<_> = calendars.iter().map(|row| row.calendar_id.clone()).collect();
        tx.bookings().blank_history(tenant, &own).await?;
        tx.pauses().remove(&Target::Connection(tenant.clone(), connection.clone())).await?;
        tx.link_sessions().erase(tenant, connection).await?;
        tx.connections().delete(tenant, connection).await?;
        // What the log and kept answers told of it; that it was there and is gone stays told.
        tx.changes().blank(tenant, &ids).await?;
        tx.idempotency().erase(tenant, &ids).await?;
        tx.changes().append(&changes).await?;
        for calendar in &calendars {
            let lane = Lane::Deliver.as_str();
            tx.work().remove_deliveries(tenant, lane, &calendar.calendar_id).await?;
        }
        for calendar in &calendars {
            let (lane, id) = (Lane::Reconcile.as_str(), calendar.calendar_id.as_str());
            tx.work().remove(tenant, lane, id).await?;
        }
        tx.work().remove(tenant, Lane::List.as_str(), actor).await?;
        self.hold(&mut tx, claimed).await?;
        for calendar in &calendars {
            for lane in [Lane::Advance, Lane::Pull, Lane::Watch] {
                tx.work().remove(tenant, lane.as_str(), calendar.calendar_id.as_str()).await?;
            }
        }
        reach(Point::EraseWritten).await;
        tx.commit().await?;
        reach(Point::EraseStored).await;
        self.store.scrub().await;
        tracing::info!(connection.id = %connection, "A connection was removed with all that was stored of it.");
        Ok(())
    }
}
