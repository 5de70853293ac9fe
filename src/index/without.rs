//! Answers as if some bookings were not there: for whoever looks for another time for them, and for a resource with seats to
//! spare, which its own bookings' events do not make busy.
//!
//! The index keeps no bookings apart, only the time they take; those few calendars and resources that they touch are
//! read from the tables again.

use std::sync::Arc;

use super::{
    Packed,
    query::Basis,
    rows::{as_busy, base_us, packed, taken_since},
};
use crate::{
    clock::Clock,
    model::ids::{BookingId, CalendarId, ResourceId, TenantId},
    store::{StoreError, Tx},
};

impl Basis {
    /// Takes out what these bookings take, of their resources and of the calendars they are written into; and, of a shared
    /// resource's calendars, what its own bookings want them to hold.
    pub async fn leave_out(
        &mut self,
        tx: &mut Tx,
        tenant: &TenantId,
        bookings: &[BookingId],
        clock: &dyn Clock,
    ) -> Result<(), StoreError> {
        let own = match self.resource().filter(|_| self.is_shared()) {
            Some(resource) => own_bookings(tx, tenant, resource, clock).await?,
            None => Vec::new(),
        };
        let out = [bookings, own.as_slice()].concat();
        if out.is_empty() {
            return Ok(());
        }
        for calendar in self.calendars().map(|one| one.calendar.clone()).collect::<Vec<_>>() {
            if let Some(busy) = calendar_without(tx, tenant, &calendar, &out, clock).await? {
                self.put_calendar(&calendar, &busy);
            }
        }
        if let Some(resource) = self.resource().cloned() {
            let claims = resource_without(tx, tenant, &resource, bookings, clock).await?;
            self.put_claims(claims.as_ref());
        }
        Ok(())
    }
}

/// The bookings that hold seats of a resource.
async fn own_bookings(
    tx: &mut Tx,
    tenant: &TenantId,
    resource: &ResourceId,
    clock: &dyn Clock,
) -> Result<Vec<BookingId>, StoreError> {
    let claims = tx.claims().of_resource(tenant, resource, taken_since(clock.now())).await?;
    Ok(claims.iter().filter_map(|claim| claim.claim_id.parse().ok()).collect())
}

/// A calendar's busy time without what these bookings want it to hold; `None` when they want nothing of it.
async fn calendar_without(
    tx: &mut Tx,
    tenant: &TenantId,
    calendar: &CalendarId,
    bookings: &[BookingId],
    clock: &dyn Clock,
) -> Result<Option<Arc<Packed>>, StoreError> {
    let since = taken_since(clock.now());
    let mut wanted = tx.outbox().spans_of_calendar(tenant, calendar, since).await?;
    let all = wanted.len();
    wanted.retain(|one| !bookings.contains(&one.booking_id));
    let Some(row) = tx.calendars().get(tenant, calendar).await?.filter(|_| wanted.len() < all)
    else {
        return Ok(None);
    };
    let rows = tx.events().busy_of_calendar(tenant, calendar).await?;
    let rows = rows.iter().map(|row| (row.span.start_us(), row.span.end_us(), row.class));
    let packed = Packed::new(base_us(&row), rows.chain(wanted.iter().map(as_busy)));
    Ok(Some(Arc::new(packed)))
}

async fn resource_without(
    tx: &mut Tx,
    tenant: &TenantId,
    resource: &ResourceId,
    bookings: &[BookingId],
    clock: &dyn Clock,
) -> Result<Option<Arc<Packed>>, StoreError> {
    let Some(row) = tx.resources().get(tenant, resource).await? else { return Ok(None) };
    let now = clock.now();
    let mut claims = tx.claims().of_resource(tenant, resource, taken_since(now)).await?;
    claims.retain(|claim| bookings.iter().all(|booking| booking.as_str() != claim.claim_id));
    Ok(packed(&row, &claims, now))
}
