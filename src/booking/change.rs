//! What becomes of a booking by the word of those who made it: moved, reworded, cancelled, completed.

use jiff::SignedDuration;
use serde_json::Value;

use super::{
    book::Booked,
    claim::Wish,
    desk::{Actor, Desk},
    details::Details,
    evidence::MAX_STALENESS,
    hold::sorted,
    refusal::Refusal,
};
use crate::{
    drill::{Point, reach},
    model::{
        ids::{BookingId, CalendarId, ResourceId, TenantId},
        interval::Span,
        states::{BookingStatus, Delivery},
    },
    store::{BookingRow, OutboxRow, Sealed, Tx},
    sync::Lane,
};

/// How often a booking is looked up again that was moved while we waited for its resources.
const TRIES: usize = 8;

/// What a booking should be from now on, as a whole.
#[derive(Clone, Debug)]
pub struct Changes {
    pub resources: Vec<ResourceId>,
    pub span: Span,
    pub details: Details,
    pub time_zone: Option<String>,
    pub external_id: Option<String>,
    pub metadata: Value,
    pub max_staleness: Option<SignedDuration>,
    pub allow_unverified: bool,
    /// Where the calendar shows the new time already, because a person has set it there.
    pub as_found_in: Option<(CalendarId, Span)>,
    /// What stands for the request, where it may be repeated after a hub that went down.
    pub request: Option<String>,
}

impl Desk {
    /// Changes what was agreed. A new time is claimed before the old one is given back, in one transaction, and the
    /// booking is never in its own way.
    ///
    /// # Errors
    ///
    /// [`Refusal::Stale`] when `seen` is not the booking's revision any more; others as for a new booking.
    pub async fn change_booking(
        &self,
        actor: Actor<'_>,
        seen: &BookingRow,
        changes: Changes,
    ) -> Result<Booked, Refusal> {
        let tenant = actor.tenant;
        let resources = sorted(changes.resources)?;
        let moves = (&resources, changes.span) != (&seen.resources, seen.span);
        let max_staleness = changes.max_staleness.unwrap_or(MAX_STALENESS);
        if moves {
            self.freshen(tenant, &resources, max_staleness, None).await?;
        }
        let mut tx = self.store.begin().await?;
        self.lock(&mut tx, &[resources.as_slice(), &seen.resources].concat()).await?;
        let before = tx.bookings().get(tenant, &seen.booking_id).await?;
        let before = before.ok_or(Refusal::NotFound("booking"))?;
        if let Some(request) = &changes.request
            && tx.bookings().was_done(tenant, &before.booking_id, request).await?
        {
            return Ok(Booked { booking: before, unsure: Vec::new() });
        }
        if before.revision != seen.revision {
            return Err(Refusal::Stale);
        }
        if before.status != BookingStatus::Confirmed {
            let text = format!("The booking is {}.", before.status.as_str());
            return Err(Refusal::WrongState(text));
        }
        let (mut unsure, mut verified) = (Vec::new(), before.verified);
        let outbox = tx.outbox().of_booking(tenant, &before.booking_id).await?;
        let mut write_to = written_to(&outbox);
        let own = own_events(&outbox);
        let also = write_to.clone();
        let now = self.clock.now();
        if moves {
            let wish = Wish {
                tenant,
                claim: before.booking_id.as_str(),
                booking: Some(&before.booking_id),
                own: &own,
                also: &also,
                resources: &resources,
                span: changes.span,
                expires_at: None,
                instead_of: &[before.booking_id.as_str()],
                max_staleness,
                allow_unverified: changes.allow_unverified,
                is_checked: false,
            };
            let taken = self.claim(&mut tx, &wish).await?;
            verified = taken.unsure.is_empty();
            unsure = taken.unsure;
            tx.bookings().lock(tenant, &before.booking_id).await?;
            if resources != before.resources {
                let gone: Vec<CalendarId> =
                    write_to.iter().filter(|id| !taken.write_to.contains(id)).cloned().collect();
                let leaving =
                    BookingRow { revision: before.revision + 1, touched_at: now, ..before.clone() };
                self.want(&mut tx, &leaving, &gone, false).await?;
                write_to = taken.write_to;
            }
        } else {
            tx.claims().lock_calendars(&also).await?;
            tx.bookings().lock(tenant, &before.booking_id).await?;
        }
        let details =
            changes.details.seal(&self.vault, &mut tx, tenant, &before.booking_id).await?;
        let row = BookingRow {
            external_id: changes.external_id,
            resources,
            span: changes.span,
            time_zone: changes.time_zone,
            details: details.clone(),
            metadata: changes.metadata,
            verified,
            touched_at: now,
            ..before.clone()
        };
        let kind = if moves { "booking.moved" } else { "booking.updated" };
        let row = self.store_change(&mut tx, actor, kind, &before, row, &write_to, true).await?;
        tx.bookings().set_details(tenant, &row.booking_id, &details).await?;
        if let Some(request) = &changes.request {
            tx.bookings().done_for(tenant, &row.booking_id, request).await?;
        }
        if let Some((calendar, span)) = &changes.as_found_in {
            self.is_there_already(&mut tx, &row, calendar, *span).await?;
        }
        reach(Point::BookingWritten).await;
        tx.commit().await?;
        reach(Point::BookingStored).await;
        self.engine.ring();
        Ok(Booked { booking: row, unsure })
    }

    /// Ends a booking: cancelled, it frees its time and takes its events out; completed or missed, it keeps both.
    /// What has ended so already is answered as it is.
    ///
    /// # Errors
    ///
    /// [`Refusal::WrongState`] when it has ended otherwise.
    pub async fn end_booking(
        &self,
        actor: Actor<'_>,
        booking: &BookingId,
        to: BookingStatus,
        reason: Option<&str>,
    ) -> Result<BookingRow, Refusal> {
        let tenant = actor.tenant;
        let (mut tx, before) = self.locked_booking(tenant, booking).await?;
        if before.status == to {
            return Ok(before);
        }
        let is_open =
            matches!(before.status, BookingStatus::Confirmed | BookingStatus::PendingPayment);
        if !is_open {
            let text = format!("The booking is {}.", before.status.as_str());
            return Err(Refusal::WrongState(text));
        }
        let now = self.clock.now();
        let row = BookingRow { status: to, touched_at: now, ..before.clone() };
        let is_cancelled = to == BookingStatus::Cancelled;
        let outbox = tx.outbox().of_booking(tenant, booking).await?;
        tx.claims().lock_calendars(&written_to(&outbox)).await?;
        tx.bookings().lock(tenant, booking).await?;
        let write_to = if is_cancelled { written_to(&outbox) } else { Vec::new() };
        if is_cancelled {
            tx.claims().remove(tenant, booking.as_str()).await?;
        }
        let kind = format!("booking.{}", to.as_str());
        let mut row = self
            .store_change(&mut tx, actor, &kind, &before, row, &write_to, !is_cancelled)
            .await?;
        if let Some(reason) = reason {
            row.details = self.note_reason(&mut tx, &row, reason).await?;
        }
        reach(Point::BookingWritten).await;
        tx.commit().await?;
        reach(Point::BookingStored).await;
        self.engine.ring();
        Ok(row)
    }

    /// Begins a transaction and reads a booking under its resources' locks. One that is moved to other resources
    /// meanwhile is locked anew: who takes time of those may seat it elsewhere.
    async fn locked_booking(
        &self,
        tenant: &TenantId,
        booking: &BookingId,
    ) -> Result<(Tx, BookingRow), Refusal> {
        let none = || Refusal::NotFound("booking");
        for _ in 0..TRIES {
            let mut tx = self.store.begin().await?;
            let seen = tx.bookings().get(tenant, booking).await?.ok_or_else(none)?;
            self.lock(&mut tx, &seen.resources).await?;
            let row = tx.bookings().get(tenant, booking).await?.ok_or_else(none)?;
            if row.resources == seen.resources {
                return Ok((tx, row));
            }
            tx.rollback().await?;
        }
        Err(Refusal::Stale)
    }

    /// Keeps why a booking ended with its other words, sealed like them. The booking's row has been written before, so
    /// that no rotation seals it anew meanwhile.
    async fn note_reason(
        &self,
        tx: &mut Tx,
        row: &BookingRow,
        reason: &str,
    ) -> Result<Sealed, Refusal> {
        let (tenant, booking) = (&row.tenant_id, &row.booking_id);
        let kept = tx.bookings().get(tenant, booking).await?.ok_or(Refusal::NotFound("booking"))?;
        let mut details = Details::open(&self.vault, tx, &kept).await?;
        details.reason = Some(reason.to_owned());
        let sealed = details.seal(&self.vault, tx, tenant, booking).await?;
        tx.bookings().set_details(tenant, booking, &sealed).await?;
        Ok(sealed)
    }

    #[expect(clippy::too_many_arguments, reason = "the two states and what follows from them")]
    async fn store_change(
        &self,
        tx: &mut Tx,
        actor: Actor<'_>,
        kind: &str,
        before: &BookingRow,
        row: BookingRow,
        write_to: &[CalendarId],
        present: bool,
    ) -> Result<BookingRow, Refusal> {
        let revision = tx.bookings().update(&row).await?.ok_or(Refusal::Stale)?;
        let row = BookingRow { revision, ..row };
        self.want(tx, &row, write_to, present).await?;
        self.tell_booking(tx, actor, kind, Some(before), &row, write_to).await?;
        // What its events contradicted is not what is agreed now; what lies over it is found out again.
        let (tenant, booking, now) = (actor.tenant, &row.booking_id, row.touched_at);
        let open = tx.conflicts().of_booking(tenant, booking).await?;
        for one in open.iter().filter(|one| one.is_open() && one.is_of_own_event()) {
            tx.conflicts().settle(one, "gone", now).await?;
        }
        let lane = Lane::Clash.as_str();
        tx.work().nudge(tenant, lane, booking.as_str(), None, now).await?;
        Ok(row)
    }

    /// Takes an event as it stands for what was to be written.
    async fn is_there_already(
        &self,
        tx: &mut Tx,
        booking: &BookingRow,
        calendar: &CalendarId,
        span: Span,
    ) -> Result<(), Refusal> {
        let (tenant, id) = (&booking.tenant_id, &booking.booking_id);
        let Some(row) = tx.outbox().get(tenant, id, calendar).await? else { return Ok(()) };
        let (written, state) = (Some((booking.revision, span)), Delivery::Written);
        let row = OutboxRow { written, state, last_error: None, ..row };
        tx.outbox().found(tenant, &row, booking.touched_at).await?;
        if let Some(item) = &row.item {
            tx.events().mark_mirrors(tenant, calendar, &[item]).await?;
        }
        Ok(())
    }
}

/// The calendars that hold, or should hold, an event of a booking.
fn written_to(outbox: &[OutboxRow]) -> Vec<CalendarId> {
    outbox.iter().filter(|row| row.present).map(|row| row.calendar_id.clone()).collect()
}

/// A booking's own events: calendar and series, which for a single event is the item.
pub(super) fn own_events(outbox: &[OutboxRow]) -> Vec<(CalendarId, String)> {
    let own = |row: &OutboxRow| Some((row.calendar_id.clone(), row.item.clone()?));
    outbox.iter().filter_map(own).collect()
}
