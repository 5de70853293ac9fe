//! The end of a connection, as far as its calendars hold events of ours: exactly those that are recorded as written by
//! the hub are taken out, by the same deliveries that take out a cancelled booking's.

use serde_json::json;

use super::{ask_for_delivery, tell::tell};
use crate::{
    model::{
        ids::{ConnectionId, TenantId},
        states::Delivery,
    },
    store::{OutboxRow, StoreError},
    sync::{Engine, Removal},
};

/// How many are let go in one go.
const SOME: i64 = 200;

/// How far a connection's calendars are cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cleared {
    /// Events are still being taken out, or bookings cancelled.
    NotYet,
    /// Nothing more will be taken out; of so many events it was given up.
    Done { left: usize },
}

impl Engine {
    /// Lets go of what stands in a connection's calendars, as `removal` says. Repeated, it goes on where it was.
    pub(crate) async fn clear(
        &self,
        tenant: &TenantId,
        connection: &ConnectionId,
        removal: Removal,
    ) -> Result<Cleared, StoreError> {
        if removal == Removal::PLAIN {
            return Ok(Cleared::Done { left: 0 });
        }
        let mut tx = self.store.read().await?;
        let now = self.clock.now();
        if removal.cancel && !tx.bookings().written_to(tenant, connection, now, 1).await?.is_empty()
        {
            return Ok(Cleared::NotYet);
        }
        tx.rollback().await?;
        let (mut is_done, mut left, mut after) = (true, 0, None);
        loop {
            let mut tx = self.store.read().await?;
            let page = tx.outbox().standing(tenant, connection, after.as_ref(), SOME).await?;
            tx.rollback().await?;
            let Some(last) = page.last() else { break };
            after = Some((last.booking_id.clone(), last.calendar_id.clone()));
            for row in page.iter().filter(|row| removal.events || !row.present) {
                if row.present {
                    self.let_go(tenant, row).await?;
                }
                is_done &= !row.present && row.state != Delivery::Pending;
                left += usize::from(removal.events && row.item.is_some());
            }
        }
        Ok(if is_done { Cleared::Done { left } } else { Cleared::NotYet })
    }

    /// Wants an event no more, though its booking may stand.
    async fn let_go(&self, tenant: &TenantId, seen: &OutboxRow) -> Result<(), StoreError> {
        let (id, calendar, now) = (&seen.booking_id, &seen.calendar_id, self.clock.now());
        let mut tx = self.store.begin().await?;
        tx.bookings().lock(tenant, id).await?;
        if let Some(booking) = tx.bookings().get(tenant, id).await?
            && tx.outbox().let_go(tenant, seen, now).await?
        {
            let body = json!({"calendar_id": calendar});
            tell(self, &mut tx, &booking, "booking.unlinked", body).await?;
            ask_for_delivery(&mut tx, tenant, id, calendar, now).await?;
        }
        tx.commit().await
    }
}
