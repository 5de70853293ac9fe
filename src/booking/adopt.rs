//! Taking an event that is in a calendar already as a booking: its time is claimed, it is marked, and nothing else of it
//! changes. This is how a platform moves to the hub without having its events twice.

use super::{
    desk::Desk,
    evidence::PATIENCE,
    refusal::{Refusal, Unsure},
};
use crate::{
    index::Reason,
    model::{
        ids::{CalendarId, TenantId},
        interval::Span,
        states::Delivery,
    },
    push::{Sought, Standing},
    store::{BookingRow, OutboxRow, Tx},
    sync::SyncError,
};

/// What an event that was asked for turned out to be.
pub(super) enum Sight {
    /// A booking's already.
    Booked(Box<BookingRow>),
    There(Standing, Span),
}

impl Desk {
    /// Looks at the event.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] when there is no such event; [`Refusal::Unverified`] when it could not be looked at within
    /// two seconds; [`Refusal::WrongState`] when it does not take one span of time.
    pub(super) async fn sight(
        &self,
        tenant: &TenantId,
        calendar: &CalendarId,
        sought: &Sought,
    ) -> Result<Sight, Refusal> {
        let looked = Box::pin(self.engine.look_live(tenant, calendar, sought));
        let event = match tokio::time::timeout(PATIENCE, looked).await {
            Ok(Ok(found)) => found.ok_or(Refusal::NotFound("event"))?,
            Ok(Err(SyncError::Gone)) => return Err(Refusal::NotFound("calendar")),
            Ok(Err(SyncError::Store(error))) => return Err(error.into()),
            Ok(Err(SyncError::Secrets(error))) => return Err(error.into()),
            refused => {
                let is_refused = matches!(refused, Ok(Err(SyncError::NotAsked)));
                let reason = if is_refused { Reason::NeedsReauth } else { Reason::Stale };
                let unsure = Unsure { calendar_id: calendar.clone(), reason };
                return Err(Refusal::Unverified { unsure: vec![unsure] });
            }
        };
        let mut tx = self.store.read().await?;
        let items = [event.item.clone()];
        for row in tx.outbox().of_items(tenant, calendar, &items).await? {
            if let Some(booking) = tx.bookings().get(tenant, &row.booking_id).await? {
                return Ok(Sight::Booked(Box::new(booking)));
            }
        }
        let text =
            "The event does not take one span of time: it is a series, cancelled, or free time.";
        let span = event.span.ok_or_else(|| Refusal::WrongState(text.to_owned()))?;
        Ok(Sight::There(event, span))
    }

    /// Notes that a new booking's event stands there already; what is left to do is to mark it.
    pub(super) async fn stands_there(
        &self,
        tx: &mut Tx,
        booking: &BookingRow,
        event: &Standing,
    ) -> Result<(), Refusal> {
        let (tenant, id) = (&booking.tenant_id, &booking.booking_id);
        let row = tx.outbox().get(tenant, id, &event.calendar).await?;
        let row = row.ok_or(Refusal::NotFound("calendar"))?;
        let row = OutboxRow {
            written: Some((booking.revision, booking.span)),
            item: Some(event.item.clone()),
            version: event.version.clone(),
            state: Delivery::Pending,
            ..row
        };
        tx.outbox().found(tenant, &row, booking.touched_at).await?;
        tx.events().mark_mirrors(tenant, &event.calendar, &[&event.item]).await?;
        Ok(())
    }
}
