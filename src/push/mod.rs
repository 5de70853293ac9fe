//! Store -> provider: what bookings want calendars to hold is written there, and what became of it is noted.
//!
//! A row of the outbox is state ([`plan`] says what comes next from what is wanted, what was sent and what was found);
//! a row of due work only says that it is to be looked at. Every write is conditional, and whatever may have landed is
//! looked at before it is repeated.

mod attempt;
mod conflict;
mod deliver;
mod draft;
mod drift;
mod identity;
mod look;
mod mirror;
pub mod plan;
pub mod reconcile;
mod tell;
mod unlink;

use jiff::Timestamp;

pub(crate) use self::unlink::Cleared;
pub use self::{
    drift::{Found, Reconciled},
    look::{Sought, Standing},
};
pub(crate) use self::{
    identity::{origin_of, origins},
    tell::conflict_told,
};

use crate::{
    model::ids::{BookingId, CalendarId, TenantId},
    store::{StoreError, Tx},
    sync::Lane,
};

/// Has one calendar's part of a booking looked at, in the transaction of what made that needed.
pub(crate) async fn ask_for_delivery(
    tx: &mut Tx,
    tenant: &TenantId,
    booking: &BookingId,
    calendar: &CalendarId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let subject = format!("{booking}/{calendar}");
    tx.work().nudge(tenant, Lane::Deliver.as_str(), &subject, None, now).await
}

/// Has a calendar compared with what its bookings want, in the transaction of what made that needed.
pub(crate) async fn ask_to_reconcile(
    tx: &mut Tx,
    tenant: &TenantId,
    calendar: &CalendarId,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.work().nudge(tenant, Lane::Reconcile.as_str(), calendar.as_str(), None, now).await
}

/// Reads the subject of a row of due work.
fn parts(subject: &str) -> Option<(BookingId, CalendarId)> {
    let (booking, calendar) = subject.split_once('/')?;
    Some((booking.parse().ok()?, calendar.parse().ok()?))
}
