//! The end of a connection: everything stored of it goes, in one transaction.

use serde_json::json;

use super::{engine::Engine, error::SyncError, lanes::Lane};
use crate::{
    drill::{Point, reach},
    model::ids::{ConnectionId, TenantId},
    store::{Target, WorkRow},
};

impl Engine {
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
